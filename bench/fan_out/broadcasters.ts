import { createChannel, createSession } from "npm:better-sse@0.16.1";
import { Hono } from "npm:hono@4.13.19";
import { type SSEStreamingApi, streamSSE } from "npm:hono@4.13.19/streaming";
import { encodeEvent } from "../../src/encode.ts";
import { Channel } from "../../src/server/mod.ts";
import type { NodeHandler } from "../_serve.ts";

/** A broadcaster: sends what is published to all listeners. */
export interface Broadcaster {
  /** Answers the request of a listener. */
  listen(request: Request): Response | Promise<Response>;
  /** The same with Node's `(request, response)`, if it is made for that. */
  inNode?: NodeHandler;
  /** Publishes without waiting. The promise is for publishers that wait until the server has accepted the event. */
  publish(data: string): unknown;
}

/** All broadcasters, by name. */
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

/** As its users write it in Node, which it is made for. */
function betterSse(): Broadcaster {
  const channel = createChannel();
  return {
    listen: () => new Response("Ask in Node", { status: 501 }),
    inNode: async (request, response) =>
      void channel.register(await createSession(request, response)),
    // It does not report when it has accepted an event.
    publish: (data) => void channel.broadcast(data, "tick"),
  };
}

/** The minimum any server does: one chunk for each listener and event, encoded once. */
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
