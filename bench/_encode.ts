import { encode } from "npm:eventsource-encoder@1.0.2";
import { EventParser } from "../src/decode.ts";
import { encodeEvent, EventEncoderStream } from "../src/encode.ts";
import type { Result } from "./_decode.ts";
import { type Contender, type Effort, race } from "./_race.ts";

/** An event that every encoder accepts. */
export interface Message {
  event: string;
  data: string;
  id: string;
}

/** An encoder of events into text or bytes. */
export interface Encoder {
  readonly name: string;
  write(
    messages: readonly Message[],
    sink: (frame: string | Uint8Array) => void,
  ): void | Promise<void>;
}

const textEncoder = new TextEncoder();
const buffer = new Uint8Array(65536);

/** An encoder that writes through a stream. */
export function streamEncoder(
  name: string,
  make: () => TransformStream<Message, Uint8Array>,
): Encoder {
  return {
    name,
    async write(messages, sink) {
      const reader = streamOf(messages).pipeThrough(make()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        sink(value);
      }
    },
  };
}

function streamOf(messages: readonly Message[]): ReadableStream<Message> {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const message = messages[next++];
      if (message === undefined) controller.close();
      else controller.enqueue(message);
    },
  }, { highWaterMark: 0 });
}

function functionEncoder(
  name: string,
  encode: (message: Message) => string,
): Encoder {
  return {
    name,
    write(messages, sink) {
      for (const message of messages) sink(encode(message));
    },
  };
}

const encoders: Encoder[] = [
  functionEncoder("encodeEvent()", encodeEvent),
  functionEncoder("eventsource-encoder", encode),
  streamEncoder("EventEncoderStream", () => new EventEncoderStream()),
  // It has no stream; this is what its users write.
  streamEncoder("eventsource-encoder, stream", () =>
    new TransformStream({
      transform(message, controller) {
        controller.enqueue(textEncoder.encode(encode(message)));
      },
    })),
];

const loads: Record<string, (index: number) => string> = {
  "short": (index) => `12.${index % 100}`,
  "json": (index) =>
    JSON.stringify({ index, choices: [{ delta: { content: " hello" } }] }),
  "ten lines": (index) =>
    Array.from({ length: 10 }, (_, line) => `line ${line} of ${index}`)
      .join("\n"),
  "zh": (index) => `你好世界,这是一个测试 ${index}`,
};

/** Returns what is wrong with an encoder's output when it is parsed. */
async function findFault(
  { write }: Encoder,
  messages: readonly Message[],
): Promise<string | undefined> {
  const parser = new EventParser();
  let count = 0;
  let wrong: string | undefined;
  await write(messages, (frame) => {
    const bytes = typeof frame === "string" ? textEncoder.encode(frame) : frame;
    for (const { event, data, id } of parser.push(bytes)) {
      const message = messages[count++];
      if (
        event !== message?.event || data !== message.data || id !== message.id
      ) wrong ??= `wrote another event ${count - 1}`;
    }
  });
  if (count === messages.length) return wrong;
  return `wrote ${count} events instead of ${messages.length}`;
}

/**
 * Writes a function's frames as UTF-8 into one buffer. A string is built only when it is read. Allocating an array for
 * each frame would take longer than encoding the frame (Deno 2.9, Node 20), for every contender.
 */
function contenderOf({ name, write }: Encoder): Contender<readonly Message[]> {
  function sink(frame: string | Uint8Array): void {
    if (typeof frame === "string") textEncoder.encodeInto(frame, buffer);
  }
  return { name, run: (messages) => write(messages, sink) };
}

async function raceOn(
  load: string,
  messages: readonly Message[],
  effort: Effort,
  others: readonly Encoder[],
): Promise<Result> {
  const frames = messages.map(encodeEvent).join("");
  const bytes = textEncoder.encode(frames).length;
  const leftOut: Record<string, string> = {};
  const contenders: Contender<readonly Message[]>[] = [];
  for (const encoder of [...encoders, ...others]) {
    const fault = await findFault(encoder, messages);
    if (fault === undefined) contenders.push(contenderOf(encoder));
    else leftOut[encoder.name] = fault;
  }
  const times = await race(contenders, messages, effort);
  return { load, bytes, times, leftOut };
}

/** Measures every encoder on every load, after checking its frames with the parser. */
export async function raceEncoders(
  effort: Effort,
  share: number,
  others: readonly Encoder[],
): Promise<Result[]> {
  const results: Result[] = [];
  for (const [load, data] of Object.entries(loads)) {
    const messages = Array.from(
      { length: Math.ceil(5000 * share) },
      (_, index) => ({ event: "tick", data: data(index), id: String(index) }),
    );
    results.push(await raceOn(load, messages, effort, others));
  }
  return results;
}
