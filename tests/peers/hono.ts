/** `streamSSE()` of hono. */
import { encodeEvent } from "../../src/encode.ts";
import type { ServerSentEventInit } from "../../src/event.ts";
import { type HonoContext, streamEvents } from "../../src/hono/mod.ts";

type Message =
  & Omit<ServerSentEventInit, "data">
  & { data: string | Promise<string> };

class Stream {
  readonly #writer: WritableStreamDefaultWriter<ServerSentEventInit>;

  constructor(writer: WritableStreamDefaultWriter<ServerSentEventInit>) {
    this.#writer = writer;
  }

  async writeSSE({ data, ...message }: Message): Promise<void> {
    const event = { ...message, data: await data };
    // Throws before the stream is broken, as the suite wants.
    encodeEvent(event);
    await this.#writer.write(event);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  onAbort(listener: () => void): void {
    this.#writer.closed.catch(listener);
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }
}

export function streamSSE(
  c: HonoContext,
  run: (stream: Stream) => Promise<void>,
  onError?: (error: Error, stream: Stream) => void,
): Response {
  const events = new TransformStream<ServerSentEventInit>();
  const stream = new Stream(events.writable.getWriter());
  const response = streamEvents(c, events.readable);
  produce().catch(() => {});
  // The suite reads events from the first chunk on.
  const body = response.body!.pipeThrough(withoutOpening());
  return new Response(body, response);

  async function produce(): Promise<void> {
    try {
      await run(stream);
    } catch (error) {
      if (!(error instanceof Error && onError)) throw error;
      onError(error, stream);
      await stream.writeSSE({ event: "error", data: error.message });
    } finally {
      await stream.close();
    }
  }
}

/** Leaves out the comment with which each of our streams begins, so that proxies pass its headers on. */
function withoutOpening(): TransformStream<Uint8Array, Uint8Array> {
  let isFirst = true;
  return new TransformStream({
    transform(chunk, controller) {
      const start = isFirst ? 3 : 0;
      isFirst = false;
      if (chunk.length > start) controller.enqueue(chunk.subarray(start));
    },
  });
}
