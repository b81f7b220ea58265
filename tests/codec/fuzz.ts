/** Creates inputs for the parser, compares its result with the standard, and shrinks an input that shows a difference. */
import { EventParser } from "../../src/event_parser.ts";
import { mutatedStream } from "./mutate.ts";
import { fits, type Outcome, parse } from "./parsed.ts";
import {
  below,
  join,
  pick,
  type Random,
  randomChunks,
  randomOf,
  randomStream,
} from "./random.ts";
import { interpret } from "./reference.ts";

/** The input of a parser. */
export interface FuzzInput {
  readonly chunks: readonly Uint8Array[];
  readonly lastEventId: string;
  /** Omitted in most inputs. */
  readonly maxEventSize: number | undefined;
}

type ParserClass = typeof EventParser;

/** The input of an index: the same for the same seed on every runtime. */
export function fuzzInput(seed: number, index: number): FuzzInput {
  const random = randomOf(seed, index);
  const stream = random() < 0.4 ? randomStream(random) : mutatedStream(random);
  return {
    chunks: random() < 0.15
      ? randomChunks(random, stream)
      : fewChunks(random, stream),
    lastEventId: random() < 0.1 ? "before" : "",
    maxEventSize: random() < 0.1 ? limit(random) : undefined,
  };
}

/** One to four chunks, with some single bytes in between: this finds relevant cuts sooner than cutting everywhere. */
function fewChunks(random: Random, stream: Uint8Array): Uint8Array[] {
  const cuts = new Set<number>();
  for (let left = below(random, 4); left > 0; left--) {
    cuts.add(below(random, stream.length + 1));
  }
  if (random() < 0.5) {
    const start = below(random, stream.length + 1);
    const end = Math.min(stream.length, start + below(random, 12));
    for (let at = start; at < end; at++) cuts.add(at);
  }
  const places = [...cuts, stream.length].sort((a, b) => a - b);
  return places.map((end, index) => stream.subarray(places[index - 1], end));
}

function limit(random: Random): number {
  return 1 + below(random, pick(random, [10, 30, 100, 1000]));
}

/** Returns how the parser differs from the standard on an input, or from itself when the bytes are one chunk. */
export function difference(
  { chunks, lastEventId, maxEventSize }: FuzzInput,
  Parser: ParserClass = EventParser,
): string | undefined {
  const stream = join(chunks);
  const options = { lastEventId, maxEventSize };
  const actual = parse(chunks, options, Parser);
  const standard = { ...interpret(stream, lastEventId), error: undefined };
  if (maxEventSize === undefined || fits(stream, maxEventSize)) {
    return compare(actual, standard);
  }
  if (actual.error === undefined) return "maxEventSize was passed";
  const { length } = actual.events;
  const isStart = compare(
    actual.events,
    standard.events.slice(0, length),
  );
  return isStart ?? compare(actual, parse([stream], options, Parser));
}

function compare<T extends Outcome | Outcome["events"]>(
  actual: T,
  expected: T,
): string | undefined {
  const [found, wanted] = [text(actual), text(expected)];
  return found === wanted ? undefined : `${found}, and not ${wanted}`;
}

function text(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) => part instanceof Error ? String(part) : part,
  );
}

/** The byte offsets in an input at which a chunk ends and the next one begins. */
const CUT = -1;

/** Shrinks an input as long as the parser still differs on it. */
export function shrink(
  input: FuzzInput,
  Parser: ParserClass = EventParser,
): FuzzInput {
  const differs = (candidate: FuzzInput) =>
    difference(candidate, Parser) !== undefined;
  const limits = [1, 2, 4, 8, 16, 32].map((maxEventSize) => ({
    ...input,
    maxEventSize,
  }));
  const base = input.maxEventSize === undefined
    ? input
    : limits.find(differs) ?? input;
  const inputOf = (symbols: readonly number[]): FuzzInput => ({
    ...base,
    chunks: chunksOf(symbols),
  });
  let symbols = input.chunks.flatMap((chunk) => [...chunk, CUT]).slice(0, -1);
  for (let size = symbols.length; size > 0; size >>= 1) {
    for (let at = 0; at < symbols.length;) {
      const less = symbols.toSpliced(at, size);
      if (differs(inputOf(less))) symbols = less;
      else at += size;
    }
  }
  for (let at = 0; at < symbols.length; at++) {
    const plainer = symbols.with(at, 0x78);
    if (differs(inputOf(plainer))) symbols = plainer;
  }
  return inputOf(symbols);
}

function chunksOf(symbols: readonly number[]): Uint8Array[] {
  const chunks: number[][] = [[]];
  for (const symbol of symbols) {
    if (symbol === CUT) chunks.push([]);
    else chunks.at(-1)!.push(symbol);
  }
  return chunks.map((chunk) => Uint8Array.from(chunk));
}

/** Prints an input as code that creates its chunks. */
export function show({ chunks, lastEventId, maxEventSize }: FuzzInput): string {
  const bytes = chunks.map((chunk) => `[${chunk.join(", ")}]`).join(", ");
  const texts = chunks.map((chunk) =>
    JSON.stringify(new TextDecoder().decode(chunk))
  );
  return `lastEventId ${
    JSON.stringify(lastEventId)
  }, maxEventSize ${maxEventSize}, chunks [${bytes}] (${texts.join(", ")})`;
}
