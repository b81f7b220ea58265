/** The Worker of `durable_object.ts`: channels in objects, and a bare object to compare them with. */
import {
  type ChannelNamespace,
  ChannelObject,
  durableChannel,
} from "../../src/durable_object/mod.ts";

export { ChannelObject };

const encoder = new TextEncoder();

/** An object without a log: it writes what it receives to all listeners. */
export class BareObject {
  readonly #listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();

  async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") {
      const frame = encoder.encode(`data: ${await request.text()}\n\n`);
      for (const listener of this.#listeners) listener.enqueue(frame);
      return Response.json(null);
    }
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        controller.enqueue(encoder.encode(":\n\n"));
        this.#listeners.add(controller);
      },
      cancel: () => void this.#listeners.delete(own),
    });
    const headers = { "content-type": "text/event-stream" };
    return new Response(body, { headers });
  }
}

export default {
  async fetch(
    request: Request,
    env: Record<string, ChannelNamespace>,
  ): Promise<Response> {
    const [, kind] = new URL(request.url).pathname.split("/");
    const name = "bench";
    if (kind === "bare") {
      const objects = env.BareObject!;
      return await objects.get(objects.idFromName(name)).fetch(request);
    }
    const channel = durableChannel(env.ChannelObject!, name);
    if (request.method !== "POST") return await channel.respond(request);
    return Response.json(await channel.publish({ data: await request.text() }));
  },
};
