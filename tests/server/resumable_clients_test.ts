import { assertEquals } from "@std/assert";
import { connect, EventSource } from "../../src/client/mod.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { type Resumable, resumable } from "../../src/server/resumable.ts";
import { test } from "../_test.ts";

const texts = ["👩‍👩‍👧‍👦", "𠮷野家", "Ünïcode", "日本\n語", "", "end"];
const retry = { delay: 1, minDelay: 1 };

function answer(): Resumable {
  return resumable(new MemoryLog(), async function* () {
    for (const data of texts) {
      await null;
      yield { event: "token", data };
    }
  }, { retry: 1, keepAlive: false });
}

/** Ends a body after this many bytes, like a connection that is cut. */
function cut(length: number): TransformStream<Uint8Array, Uint8Array> {
  let left = length;
  return new TransformStream({
    transform(chunk, out) {
      out.enqueue(chunk.slice(0, left));
      left -= chunk.length;
      if (left <= 0) out.terminate();
    },
  });
}

/** A network that cuts each connection to a stream a little later than the last. */
function network(stream: Resumable): {
  fetch: typeof fetch;
  statuses: number[];
} {
  const statuses: number[] = [];
  return {
    statuses,
    async fetch(input, init) {
      const response = await stream.respond(new Request(input, init));
      statuses.push(response.status);
      const body = response.body?.pipeThrough(cut(20 + 10 * statuses.length));
      return new Response(body, response);
    },
  };
}

test("resumable() delivers every event once to an EventSource whose connections are cut, and stops it with 204", async () => {
  const { fetch, statuses } = network(answer());
  const url = "https://example.com/answer";
  const source = new EventSource(url, { fetch, retry });
  const seen: string[] = [];
  source.addEventListener("token", ({ data }) => seen.push(data));
  const status = await new Promise((resolve) => {
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      if (source.readyState === EventSource.CLOSED) resolve(event.status);
    };
  });
  assertEquals(seen, texts);
  assertEquals([status, statuses.at(-1), statuses.indexOf(204)], [
    204,
    204,
    statuses.length - 1,
  ]);
});

test("resumable() delivers every event once to connect() over connections that are cut, and ends its loop", async () => {
  const { fetch, statuses } = network(answer());
  const events: ServerSentEvent[] = [];
  // These cuts look like a normal end, and the first ones happen before the first ID.
  const options = { fetch, retry, reconnectOnEnd: true };
  for await (const event of connect("https://example.com/answer", options)) {
    events.push(event);
  }
  assertEquals(events.map(({ data }) => data), texts);
  assertEquals([statuses.at(-1), statuses.indexOf(204)], [
    204,
    statuses.length - 1,
  ]);
});

test("connect() with `until` rejects with `truncated` when a resumable stream was stopped or failed before that event", async () => {
  for (const isStopped of [false, true]) {
    const stream = resumable(new MemoryLog(), async function* (signal) {
      yield { data: "half" };
      if (!isStopped) throw new Error("secret");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }, { failureEvent: false, retry: 1 });
    const { fetch } = network(stream);
    const seen: string[] = [];
    let code: string | undefined;
    try {
      const options = {
        ...{ fetch, retry, until: "[DONE]" },
        reconnectOnEnd: true,
      };
      for await (const { data } of connect("https://example.com/", options)) {
        seen.push(data);
        if (isStopped) await stream.abort();
      }
    } catch (error) {
      code = (error as { code?: string }).code;
    }
    assertEquals([seen, code], [["half"], "truncated"]);
  }
});
