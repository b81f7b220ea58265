import { describe } from "./internal/check.ts";

/**
 * A source for {@linkcode merge}: an asynchronous iterable, such as a generator or the result of `connect()`, or a
 * stream, such as the result of `decode()`.
 *
 * @typeParam T The type of its items.
 */
export type MergeSource<T> = AsyncIterable<T> | ReadableStream<T>;

/** The type of a source's items. */
export type MergedItem<Source> = Source extends AsyncIterable<infer T> ? T
  : Source extends ReadableStream<infer T> ? T
  : never;

/**
 * Merges sources into one stream that returns each item as soon as it arrives. Use it, for example, to send your own
 * progress events while a language model's answer streams.
 *
 * The order within each source is kept. A source is read again after its previous item has been taken, so a slow reader
 * slows down every source. The stream ends when all sources have ended. If one fails, the others are closed and the
 * stream fails with its reason, after the items that arrived before. Cancelling the stream closes all sources.
 *
 * A generator that awaits a promise cannot be closed until the promise settles. Pass an abort signal to the operation
 * that it awaits, as with `respond()`.
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
 * @param sources The sources. Streams are locked.
 * @returns The stream.
 * @throws {TypeError} If a source is not an asynchronous iterable or is a locked stream.
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
  /** The sources to read from next. */
  #waiting: Reading[];
  /** The sources that have not ended. */
  readonly #open: Set<Reading>;
  /** The items that have arrived and have not been taken. */
  readonly #ready: { readonly reading: Reading; readonly value: unknown }[] =
    [];
  #failure: { readonly reason: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(readings: Reading[]) {
    this.#waiting = readings;
    this.#open = new Set(readings);
  }

  /** Returns the next item, or `undefined` at the end. */
  async next(): Promise<{ readonly value: unknown } | undefined> {
    for (const reading of this.#waiting.splice(0)) {
      if (this.#open.has(reading)) void this.#read(reading);
    }
    while (this.#ready.length === 0 && this.#open.size > 0) {
      // Not `Promise.race()`: a source that stays pending would keep a reaction for every call.
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const next = this.#ready.shift();
    if (next !== undefined) this.#waiting.push(next.reading);
    else if (this.#failure !== undefined) throw this.#failure.reason;
    return next;
  }

  /** Closes all sources that have not ended. */
  async end(reason: unknown): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map((reading) => reading.return(reason)));
  }

  async #read(reading: Reading): Promise<void> {
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
    // Only the first failure is reported.
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
