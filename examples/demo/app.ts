/**
 * The demo as one Hono app for every runtime. What differs between runtimes comes in as a {@linkcode Platform}; its
 * entry points are deno.ts, bun.ts and worker.ts.
 */
import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { secureHeaders } from "hono/secure-headers";
// In a project of your own: from "@rivulet/sse".
import type { EventLog, RetentionOptions } from "../../mod.ts";
import { page } from "./page.ts";
import { openRoom } from "./room.ts";

/** What the app needs of the runtime under it. */
export interface Platform {
  /** Opens the log of a name: the place where published events live. */
  openLog(name: string, retention: RetentionOptions): EventLog;
  /** Gives the package's client as one module for browsers. */
  bundleClient(): Promise<string>;
}

/** Makes the app. */
export function createApp({ openLog, bundleClient }: Platform): Hono {
  const room = openRoom(openLog("room", { maxEvents: 1000 }));
  const app = new Hono();
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"] } }));
  app.use(csrf());
  app.route("/", page(bundleClient));
  app.get("/events", (c) => room.respond(c.req.raw));
  return app;
}
