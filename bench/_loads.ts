import type { ServerSentEvent } from "../src/event.ts";

/** Input for decoders. */
export interface Load {
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  /** Its events. */
  readonly events: readonly ServerSentEvent[];
}

/** How to create a load: the events, their number, the line end and the chunk size. */
interface Recipe {
  event(index: number, share: number): ServerSentEvent;
  count: number;
  /** @default {"\n"} */
  lineEnd?: string;
  /** In bytes; 0 means one event in each chunk. @default {16384} */
  chunkSize?: number;
}

const encoder = new TextEncoder();

function message(data: string): ServerSentEvent {
  return { event: "message", data, id: "" };
}

function tick(index: number): ServerSentEvent {
  const id = String(1000 + index);
  return { event: "tick", data: `12.${index % 100}`, id };
}

const delta = JSON.stringify({
  id: "chatcmpl-9xyz",
  object: "chat.completion.chunk",
  created: 1700000000,
  model: "a-model",
  choices: [{ index: 0, delta: { content: " hello" }, finish_reason: null }],
});

const chat = JSON.stringify({
  choices: [{ delta: { content: "你好世界,这是一个测试" } }],
});

function tenLines(index: number): string {
  return Array.from(
    { length: 10 },
    (_, line) => `line ${line} of event ${index} with text`,
  ).join("\n");
}

/** The loads that count for the aims. */
export const mainLoads: readonly string[] = [
  "llm",
  "llm/220",
  "tick",
  "big",
  "multi",
  "zh",
];

const recipes: Record<string, Recipe> = {
  "llm": { event: () => message(delta), count: 8000 },
  "llm/220": { event: () => message(delta), count: 3000, chunkSize: 0 },
  "tick": { event: tick, count: 10_000 },
  "big": { event: () => message("x".repeat(65536)), count: 80 },
  "multi": { event: (index) => message(tenLines(index)), count: 3000 },
  "zh": { event: () => message(chat), count: 8000 },
  "tick, CRLF": { event: tick, count: 10_000, lineEnd: "\r\n" },
  "8 MiB line, 1 KiB chunks": {
    event: (_, share) => message("x".repeat(8 * 1024 * 1024 * share)),
    count: 1,
    chunkSize: 1024,
  },
};

/** Creates every load, or a share of each. */
export function makeLoads(share: number): Load[] {
  return Object.entries(recipes).map(([name, recipe]) =>
    makeLoad(name, recipe, share)
  );
}

function makeLoad(name: string, recipe: Recipe, share: number): Load {
  const { event, count, lineEnd = "\n", chunkSize = 16384 } = recipe;
  const length = Math.ceil(count * share);
  const events = Array.from({ length }, (_, index) => event(index, share));
  const frames = events.map((event) => encoder.encode(frame(event, lineEnd)));
  const chunks = chunkSize === 0 ? frames : cut(frames, chunkSize);
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { name, chunks, bytes, events };
}

/** Written here, so that no contender is measured on the output of another. */
function frame({ event, data, id }: ServerSentEvent, end: string): string {
  const lines = data.split("\n").map((line) => `data: ${line}${end}`);
  if (event !== "message") lines.unshift(`event: ${event}${end}`);
  if (id !== "") lines.unshift(`id: ${id}${end}`);
  return lines.join("") + end;
}

function cut(frames: readonly Uint8Array[], size: number): Uint8Array[] {
  const length = frames.reduce((sum, frame) => sum + frame.length, 0);
  const all = new Uint8Array(length);
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  const chunks = [];
  for (let at = 0; at < length; at += size) {
    chunks.push(all.slice(at, at + size));
  }
  return chunks;
}
