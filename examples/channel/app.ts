/**
 * A channel over HTTP. `GET` follows it, `POST` publishes the body:
 *
 *   curl -N http://127.0.0.1:8000/
 *   curl -d 'It rains' http://127.0.0.1:8000/
 *
 * The app is given a log, and knows nothing of where that keeps the events. The modules beside this one start it, each
 * on another engine: memory.ts, sqlite.ts, deno_kv.ts, redis.ts, postgres.ts and worker.ts.
 */
// In a project of your own: from "@rivulet/sse".
import { Channel, type EventLog, EventStreamError } from "../../mod.ts";

/** What `deno serve` and workerd take as a module's default export. */
export interface App {
  fetch(request: Request): Promise<Response>;
}

/** Makes the app. */
export function createApp(log: EventLog): App {
  // Who comes without a last event ID gets all that is kept.
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

/** Answers with the event's ID once it is durable; a client that got no answer tries again with the same key. */
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
