import { assert, assertEquals } from "@std/assert";
import { connect, type EventConnection } from "../../src/client/mod.ts";
import { decode, EventDecoderStream } from "../../src/decode.ts";
import { EventEncoderStream } from "../../src/encode.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { json } from "../../src/contract.ts";
import { merge } from "../../src/merge.ts";
import { respond, type RespondSource } from "../../src/server/respond.ts";
import { test } from "../_test.ts";
import { settle, type Source, sourceOf } from "../codec/_source.ts";
import { Client, datasOf, requestOf } from "./_client.ts";

interface Delta {
  delta: string;
}

/** A model's answer: 500 chunks, four of which fill one response chunk, or a few chunks and then silence. */
function upstream(isSilent: boolean): Source {
  const count = isSilent ? 3 : 500;
  const chunks = Array.from(
    { length: count },
    (_, i) => `data: {"delta":"${`${i}`.padStart(4096)}"}\n\n`,
  );
  return sourceOf(isSilent ? chunks : [...chunks, "data: [DONE]\n\n"], "waits");
}

function open({ stream }: Source, signal?: AbortSignal): EventConnection {
  const headers = { "content-type": "text/event-stream" };
  return connect("https://model.example/", {
    method: "POST",
    until: "[DONE]",
    fetch: () => Promise.resolve(new Response(stream, { headers })),
    signal,
  });
}

async function* mapped(
  events: AsyncIterable<ServerSentEvent>,
): AsyncGenerator<ServerSentEventInit> {
  yield { event: "own", data: "begin" };
  for await (const event of events) yield { data: json<Delta>(event).delta };
  yield { event: "own", data: "end" };
}

function mapping(): TransformStream<ServerSentEvent, ServerSentEventInit> {
  return new TransformStream({
    start: (out) => out.enqueue({ event: "own", data: "begin" }),
    async transform(event, out) {
      await null;
      out.enqueue({ data: json<Delta>(event).delta });
    },
    flush: (out) => out.enqueue({ event: "own", data: "end" }),
  });
}

async function* own(): AsyncGenerator<ServerSentEventInit> {
  yield await Promise.resolve({ event: "own", data: "begin" });
}

/** Ways to build the same pipeline, and whether each needs the signal. */
const pipelines: Record<string, (source: Source) => RespondSource> = {
  "a generator over connect()": (source) => ({ signal }) =>
    mapped(open(source, signal)),
  "a generator over decode()": (source) => ({ signal }) =>
    mapped(decode(source.stream, { signal, until: "[DONE]" })),
  "decode() through a TransformStream": (source) =>
    decode(source.stream, { until: "[DONE]" }).pipeThrough(mapping()),
  "an EventDecoderStream through a TransformStream": (source) =>
    source.stream.pipeThrough(new EventDecoderStream({ until: "[DONE]" }))
      .pipeThrough(mapping()),
  "merge()": (source) =>
    merge(
      own(),
      decode(source.stream, { until: "[DONE]" }).pipeThrough(
        new TransformStream(),
      ),
    ),
};

for (const [name, pipeline] of Object.entries(pipelines)) {
  test(`respond() with ${name} reads no more from upstream than its reader takes`, async () => {
    const source = upstream(false);
    const client = new Client(respond(requestOf(), pipeline(source)));
    await client.until("begin");
    for (let i = 0; i < 10; i++) await client.read();
    await settle();
    assert(source.pulls <= 60, String(source.pulls));
    assertEquals(source.cancels.length, 0);
    const rest = datasOf(await client.rest());
    assert(rest.some((data) => / 499\b/.test(data)));
    assertEquals(client.failure, undefined);
  });

  for (const isSilent of [false, true]) {
    test(`respond() with ${name} cancels a ${isSilent ? "silent" : "busy"} upstream when its reader leaves`, async () => {
      const source = upstream(isSilent);
      const client = new Client(respond(requestOf(), pipeline(source)));
      await client.until(isSilent ? "2" : "1");
      // It waits for more, but no more is sent.
      if (isSilent) await client.now();
      await client.leave();
      await settle();
      assertEquals(source.cancels.length, 1);
    });
  }
}

test("respond() encodes the events of decode() in the shortest form", async () => {
  const stream = new Blob(["id: 1\nevent: a\ndata: 1\n\nid: 1\ndata: 2\n\n"])
    .stream();
  const response = respond(requestOf(), decode(stream));
  assertEquals(
    await response.text(),
    ":\n\nid: 1\nevent: a\ndata: 1\n\ndata: 2\n\n",
  );
  const same = new Blob(["id: 1\ndata: 1\n\n"]).stream().pipeThrough(
    new EventDecoderStream(),
  )
    .pipeThrough(new EventEncoderStream());
  assertEquals(await new Response(same).text(), "id: 1\ndata: 1\n\n");
});
