import { createChannel, createSession } from "npm:better-sse@0.16.1";
import { Hono } from "npm:hono@4.13.19";
import { type SSEStreamingApi, streamSSE } from "npm:hono@4.13.19/streaming";
import { encodeEvent } from "../../src/encode.ts";
import { Channel } from "../../src/server/mod.ts";
import type { NodeHandler } from "../_serve.ts";

/** Something that sends what is published to everybody who listens. */
export interface Broadcaster {
  /** Answers who wants to listen. */
  listen(request: Request): Response | Promise<Response>;
  /** The same in Node's own way, where it is made for that. */
  inNode?: NodeHandler;
  /** Publishes without waiting; the promise is for a publisher that waits until the server has taken it. */
  publish(data: string): unknown;
}

/** Every way to do it, by name. */
export const broadcasters: Record<string, () => Broadcaster> = {
  "Channel": channel,
  "hono streamSSE": hono,
  "better-sse": betterSse,
  "bare enqueue": bare,
};

function channel(): Broadcaster {
  const channel = new Channel();
  return {
    listen: (request) => channel.respond(request),
    publish: (data) => channel.publish({ event: "tick", data }),
  };
}

function hono(): Broadcaster {
  const streams = new Set<SSEStreamingApi>();
  const app = new Hono();
  app.get("*", (context) =>
    streamSSE(context, async (stream) => {
      streams.add(stream);
      await stream.write(":\n\n");
      await new Promise<void>((resolve) => stream.onAbort(resolve));
      streams.delete(stream);
    }));
  let id = 0;
  return {
    listen: (request) => app.fetch(request),
    publish(data) {
      const message = { event: "tick", data, id: String(++id) };
      return Promise.all(
        Array.from(streams, (stream) => stream.writeSSE(message)),
      );
    },
  };
}

/** As it is used in Node, which it is made for. */
function betterSse(): Broadcaster {
  const channel = createChannel();
  return {
    listen: () => new Response("Ask in Node", { status: 501 }),
    inNode: async (request, response) =>
      void channel.register(await createSession(request, response)),
    // It gives no sign of when the event has been taken.
    publish: (data) => void channel.broadcast(data, "tick"),
  };
}

/** What no server can do without: one chunk for each listener and event, encoded once. */
function bare(): Broadcaster {
  const encoder = new TextEncoder();
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  let id = 0;
  return {
    listen() {
      let own: ReadableStreamDefaultController<Uint8Array>;
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
          own = controller;
          controller.enqueue(encoder.encode(":\n\n"));
          listeners.add(controller);
        },
        cancel: () => void listeners.delete(own),
      });
      const headers = { "content-type": "text/event-stream" };
      return new Response(body, { headers });
    },
    publish(data) {
      const frame = encodeEvent({ id: String(++id), event: "tick", data });
      const bytes = encoder.encode(frame);
      for (const listener of listeners) listener.enqueue(bytes);
    },
  };
}
