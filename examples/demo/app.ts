/**
 * The demo as one Hono app for every runtime. What differs between runtimes comes in as a {@linkcode Platform}. The
 * entry points are deno.ts, bun.ts and worker.ts.
 */
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { secureHeaders } from "hono/secure-headers";
// In your project: from "@rivulet/sse/server".
import {
  Channel,
  type EventLog,
  type RetentionOptions,
} from "../../src/server/mod.ts";
import { answerQuestions, answers } from "./answers.ts";
import { chat } from "./chat.ts";
import { reportNews } from "./newsroom.ts";
import { page } from "./page.ts";
import { Room } from "./room.ts";
import { uploads } from "./uploads.ts";

/** Opens the log with a name. A log is where published events are stored. */
export type OpenLog = (name: string, retention: RetentionOptions) => EventLog;

/** What the app needs from its runtime. */
export interface Platform {
  openLog: OpenLog;
  /** Returns the package's client as one module for browsers. */
  bundleClient(): Promise<string>;
  /** Identifies the serving process. */
  process: string;
  /** Ends the serving process, which is then started again. Without it, the page has no button for that. */
  restart?: () => void;
}

/** Milliseconds between a request for a restart and the restart: the response leaves first. */
const RESTART_DELAY = 100;

/** Creates the app, which only serves: {@linkcode startPublishers} runs in another process where there can be one. */
export function createApp(
  { openLog, bundleClient, process, restart }: Platform,
): Hono {
  const room = new Room(openRoom(openLog));
  const app = new Hono();
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"] } }));
  app.use(csrf());
  app.route("/", page(bundleClient));
  app.get("/events", (c) => room.respond(c.req.raw));
  app.route("/chat", chat(room));
  app.route("/uploads", uploads());
  app.route("/answers", answers(openLog));

  app.get(
    "/server",
    async (c) => {
      const published = await room.published();
      const canRestart = restart !== undefined;
      return c.json({ process, canRestart, published, now: Date.now() });
    },
  );
  app.post("/server/restart", (c) => {
    if (restart === undefined) return c.text("Not on this runtime.", 501);
    setTimeout(restart, RESTART_DELAY);
    return c.body(null, 202);
  });
  app.post("/lines/:browser/cut", (c) => {
    room.lines.cut(c.req.param("browser"));
    return c.body(null, 204);
  });
  app.post("/lines/:browser/silence", (c) => {
    room.lines.silence(c.req.param("browser"));
    return c.body(null, 204);
  });
  return app;
}

/** Starts what publishes: the newsroom and the model. They need the logs alone, and keep running without a server. */
export function startPublishers(openLog: OpenLog): void {
  const channel = new Channel({ log: openRoom(openLog) });
  void reportNews((report) => channel.publish(report));
  void answerQuestions(openLog);
}

function openRoom(openLog: OpenLog): EventLog {
  return openLog("room", { maxEvents: 1000 });
}
