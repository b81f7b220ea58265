/**
 * The demo as one Hono app for every runtime. What differs between runtimes comes in as a {@linkcode Platform}; its
 * entry points are deno.ts, bun.ts and worker.ts.
 */
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { secureHeaders } from "hono/secure-headers";
// In a project of your own: from "@rivulet/sse/server".
import type { EventLog, RetentionOptions } from "../../src/server/mod.ts";
import { answers } from "./answers.ts";
import { chat } from "./chat.ts";
import { page } from "./page.ts";
import { Room } from "./room.ts";
import { uploads } from "./uploads.ts";

/** What the app needs of the runtime under it. */
export interface Platform {
  /** Opens the log of a name: the place where published events live. */
  openLog(name: string, retention: RetentionOptions): EventLog;
  /** Gives the package's client as one module for browsers. */
  bundleClient(): Promise<string>;
}

/** Makes the app. */
export function createApp({ openLog, bundleClient }: Platform): Hono {
  const room = new Room(openLog("room", { maxEvents: 1000 }));
  const app = new Hono();
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"] } }));
  app.use(csrf());
  app.route("/", page(bundleClient));
  app.get("/events", (c) => room.respond(c.req.raw));
  app.route("/chat", chat(room));
  app.route("/uploads", uploads());
  app.route("/answers", answers((id) => openLog(`answer ${id}`, {})));

  app.get("/clock", (c) => c.json(Date.now()));
  app.post("/lines/:tab/cut", (c) => {
    room.lines.cut(c.req.param("tab"));
    return c.body(null, 204);
  });
  app.post("/lines/:tab/silence", (c) => {
    room.lines.silence(c.req.param("tab"));
    return c.body(null, 204);
  });
  return app;
}
