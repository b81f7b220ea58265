import { decode, EventParser } from "../src/decode.ts";
import { createParser } from "npm:eventsource-parser@4.1.3";
import { EventSourceParserStream } from "npm:eventsource-parser@4.1.3/stream";
import { type Load, makeLoads } from "./_loads.ts";
import { type Contender, type Effort, race, type Times } from "./_race.ts";

/** An event, with the member names of any decoder. */
export interface AnyEvent {
  event?: string | undefined;
  type?: string | undefined;
  data?: string | undefined;
  id?: string | number | undefined;
  lastEventId?: string | undefined;
}

/** Receives the events one by one. */
export type Sink = (event: AnyEvent) => void;

/** A decoder of chunks into events. */
export interface Decoder {
  readonly name: string;
  read(chunks: Iterable<Uint8Array>, sink: Sink): void | Promise<void>;
}

/** The times of one load. */
export interface Result {
  readonly load: string;
  readonly bytes: number;
  readonly times: Times;
  /** The decoders that were left out, and why. */
  readonly leftOut: Record<string, string>;
}

/** A decoder that takes longer than this for one load, in milliseconds, is left out. */
const PATIENCE = 3000;

/** Creates a stream of the chunks without a queue. */
export function streamOf(
  chunks: Iterable<Uint8Array>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = chunks[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
  }, { highWaterMark: 0 });
}

/** Passes every event on. */
export async function drain(
  source: AsyncIterable<AnyEvent>,
  sink: Sink,
): Promise<void> {
  for await (const event of source) sink(event);
}

const own: Decoder[] = [
  {
    name: "decode()",
    read: (chunks, sink) => drain(decode(streamOf(chunks)), sink),
  },
  {
    name: "batches()",
    async read(chunks, sink) {
      for await (const batch of decode(streamOf(chunks)).batches()) {
        for (const event of batch) sink(event);
      }
    },
  },
  {
    name: "EventParser",
    read(chunks, sink) {
      const parser = new EventParser();
      for (const chunk of chunks) {
        for (const event of parser.push(chunk)) sink(event);
      }
    },
  },
];

const peers: Decoder[] = [
  {
    name: "eventsource-parser",
    read(chunks, sink) {
      const parser = createParser({ onEvent: sink });
      const decoder = new TextDecoder();
      for (const chunk of chunks) {
        parser.feed(decoder.decode(chunk, { stream: true }));
      }
    },
  },
  {
    // What its users write to read a response, and so the peer of batches(), which reads a stream too.
    name: "eventsource-parser, fed from a stream",
    async read(chunks, sink) {
      const parser = createParser({ onEvent: sink });
      const decoder = new TextDecoder();
      const reader = streamOf(chunks).getReader();
      for (;;) {
        const { value } = await reader.read();
        if (value === undefined) return;
        parser.feed(decoder.decode(value, { stream: true }));
      }
    },
  },
  {
    name: "eventsource-parser/stream",
    read: (chunks, sink) =>
      drain(
        streamOf(chunks).pipeThrough(new TextDecoderStream())
          .pipeThrough(new EventSourceParserStream()),
        sink,
      ),
  },
];

/** Yields the chunks, and throws after `PATIENCE`. */
function* untilLate(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  const start = performance.now();
  for (const chunk of chunks) {
    if (performance.now() - start > PATIENCE) {
      throw new Error(`took longer than ${PATIENCE / 1000} s`);
    }
    yield chunk;
  }
}

/**
 * Returns what is wrong with a decoder's events, `undefined` if they are those of the load. It keeps no event: V8 would
 * learn that events live long and allocate later ones in the old space, which is slower.
 */
async function findFault(
  { read }: Decoder,
  { chunks, events }: Load,
): Promise<string | undefined> {
  let count = 0;
  let wrong: string | undefined;
  function check(event: AnyEvent): void {
    const expected = events[count++];
    const isRight = expected !== undefined && event.data === expected.data &&
      (event.event || event.type || "message") === expected.event &&
      String(event.id ?? event.lastEventId ?? "") === expected.id;
    if (!isRight) wrong ??= `gave another event ${count - 1}`;
  }
  try {
    await read(untilLate(chunks), check);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return count === events.length
    ? wrong
    : `gave ${count} events instead of ${events.length}`;
}

/** Measures every decoder on every load, after checking that it returns the right events. */
export async function raceDecoders(
  effort: Effort,
  share: number,
  others: readonly Decoder[],
): Promise<Result[]> {
  const results: Result[] = [];
  for (const load of makeLoads(share)) {
    const leftOut: Record<string, string> = {};
    const contenders: Contender<Load>[] = [];
    for (const decoder of [...own, ...peers, ...others]) {
      const { name, read } = decoder;
      const fault = await findFault(decoder, load);
      if (fault !== undefined) leftOut[name] = fault;
      else contenders.push({ name, run: ({ chunks }) => read(chunks, ignore) });
    }
    for (const { name } of own) {
      if (name in leftOut) {
        throw new Error(`${name} ${leftOut[name]}: ${load.name}`);
      }
    }
    const times = await race(contenders, load, effort);
    results.push({ load: load.name, bytes: load.bytes, times, leftOut });
  }
  return results;
}

function ignore(): void {}
