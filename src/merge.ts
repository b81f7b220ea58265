import { describe } from "./internal/check.ts";

/**
 * What {@linkcode merge} takes: an asynchronous generator, `connect()`, `decode()`, any stream.
 *
 * @typeParam T What comes out of it.
 */
export type MergeSource<T> = AsyncIterable<T> | ReadableStream<T>;

/** What comes out of a source. */
export type MergedItem<Source> = Source extends AsyncIterable<infer T> ? T
  : Source extends ReadableStream<infer T> ? T
  : never;

/**
 * Merges sources into one stream that gives what each has as soon as it has it: the deltas of a model and a progress
 * of one's own, the answers of two models side by side.
 *
 * Each source keeps its order, and is asked for more only when what it gave last has been taken, so a slow
 * reader slows all of them. The stream ends when all have ended. When one fails, the others are returned, and the
 * stream fails with its reason behind what had come before. Cancelling the stream returns all.
 *
 * An asynchronous generator that waits for something cannot be returned before that has come: give what it
 * waits for the signal too, as for `respond()`.
 *
 * @example
 * ```ts
 * import { decode, merge, respond } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * async function* steps() {
 *   yield { event: "step", data: "1 of 1" };
 * }
 *
 * function handler(request: Request): Response {
 *   const upstream = new Response("data: from upstream\n\n", { headers: { "content-type": "text/event-stream" } });
 *   return respond(request, merge(decode(upstream), steps()));
 * }
 *
 * const seen = new Set<string>();
 * for await (const { data } of decode(handler(new Request("https://example.com/")))) seen.add(data);
 * assertEquals(seen, new Set(["from upstream", "1 of 1"]));
 * ```
 *
 * @typeParam Sources The types of the sources.
 * @param sources The sources. A stream is locked from now on.
 * @returns The stream.
 * @throws {TypeError} If a source is none, or a locked stream.
 */
export function merge<Sources extends readonly MergeSource<unknown>[]>(
  ...sources: Sources
): ReadableStream<MergedItem<Sources[number]>> {
  sources.forEach(checkSource);
  const merger = new Merger(sources.map(iterate));
  let isCancelled = false;
  return new ReadableStream({
    pull: async (controller) => {
      const next = await merger.next();
      if (isCancelled) return;
      if (next === undefined) return controller.close();
      controller.enqueue(next.value as MergedItem<Sources[number]>);
    },
    cancel: (reason) => {
      isCancelled = true;
      return merger.end(reason);
    },
  }, { highWaterMark: 0 });
}

/** A source that is being read. */
interface Reading {
  next(): Promise<IteratorResult<unknown>>;
  return(reason: unknown): Promise<unknown>;
}

class Merger {
  /** Those to be asked for more. */
  #waiting: Reading[];
  /** Those that have not ended. */
  readonly #open: Set<Reading>;
  /** What has come and has not been taken. */
  readonly #ready: { readonly reading: Reading; readonly value: unknown }[] =
    [];
  #failure: { readonly reason: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(readings: Reading[]) {
    this.#waiting = readings;
    this.#open = new Set(readings);
  }

  /** Gives what comes next, `undefined` at the end. */
  async next(): Promise<{ readonly value: unknown } | undefined> {
    for (const reading of this.#waiting.splice(0)) {
      if (this.#open.has(reading)) void this.#ask(reading);
    }
    while (this.#ready.length === 0 && this.#open.size > 0) {
      // Not a race of their promises: one that stays pending would remember every round.
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const next = this.#ready.shift();
    if (next !== undefined) this.#waiting.push(next.reading);
    else if (this.#failure !== undefined) throw this.#failure.reason;
    return next;
  }

  /** Returns all sources that have not ended. */
  async end(reason: unknown): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map((reading) => reading.return(reason)));
  }

  async #ask(reading: Reading): Promise<void> {
    try {
      const { done, value } = await reading.next();
      if (done) this.#open.delete(reading);
      else if (this.#open.has(reading)) this.#ready.push({ reading, value });
    } catch (reason) {
      if (this.#open.delete(reading)) this.#fail(reason);
    }
    this.#wake();
  }

  #fail(reason: unknown): void {
    this.#failure = { reason };
    // The first failure is the one that is told.
    this.end(reason).catch(() => {});
  }
}

function iterate(source: MergeSource<unknown>): Reading {
  if (source instanceof ReadableStream) {
    const reader = source.getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<unknown>>,
      return: (reason) => reader.cancel(reason),
    };
  }
  const iterator = source[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    return: async () => await iterator.return?.(),
  };
}

function checkSource(source: MergeSource<unknown>): void {
  const isStream = source instanceof ReadableStream;
  if (isStream ? !source.locked : isAsyncIterable(source)) return;
  throw new TypeError(
    `Cannot merge: each source must be an asynchronous iterable or an unlocked stream: received ${
      isStream ? "a locked stream" : describe(source)
    }`,
  );
}

function isAsyncIterable(source: unknown): boolean {
  return typeof source === "object" && source !== null &&
    Symbol.asyncIterator in source;
}
