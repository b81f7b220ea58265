/**
 * A channel over HTTP. `GET` follows it, `POST` publishes the body:
 *
 * ```sh
 * curl -N http://127.0.0.1:8000/
 * curl -d 'It rains' http://127.0.0.1:8000/
 * ```
 *
 * The app receives a log and does not depend on its engine. The modules beside this one start it, each on another
 * engine: memory.ts, sqlite.ts, deno_kv.ts, redis.ts, postgres.ts and worker.ts.
 */
// In your project: from "@rivulet/sse".
import { Channel, type EventLog, EventStreamError } from "../../mod.ts";

/** The default export that `deno serve` and workerd expect. */
export interface App {
  fetch(request: Request): Promise<Response>;
}

/** Creates the app. */
export function createApp(log: EventLog): App {
  // A client without a last event ID receives all stored events.
  const channel = new Channel({ log, from: "earliest" });
  return {
    async fetch(request) {
      switch (request.method) {
        case "GET":
        case "HEAD":
          return await channel.respond(request);
        case "POST":
          return await publish(channel, request).catch(refuse);
        default:
          return new Response(null, {
            status: 405,
            headers: { allow: "GET, HEAD, POST" },
          });
      }
    },
  };
}

/** Responds with the event's ID once it is durable. A client that received no response retries with the same key. */
async function publish(channel: Channel, request: Request): Promise<Response> {
  const idempotencyKey = request.headers.get("idempotency-key") ?? undefined;
  const data = await request.text();
  const id = await channel.publish({ data }, { idempotencyKey });
  return new Response(id, { status: 201 });
}

function refuse(error: Error): Response {
  if (error instanceof RangeError) {
    return new Response(error.message, { status: 413 });
  }
  if (error instanceof EventStreamError && error.code === "log-unavailable") {
    return new Response("Try again", {
      status: 503,
      headers: { "retry-after": "1" },
    });
  }
  throw error;
}
