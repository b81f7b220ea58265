import { addAbortListener, removeAbortListener } from "./internal/abort.ts";
import type { ServerSentEvent } from "./event.ts";

/** Options of {@linkcode EventStream.values}. */
export interface EventIteratorOptions {
  /**
   * Whether leaving the loop leaves the source open for another reader.
   *
   * @default {false}
   */
  preventCancel?: boolean | undefined;
}

/** What iterates over an {@linkcode EventStream}; leaving it early cancels the source. */
export interface EventIterator<Received>
  extends AsyncIterableIterator<Received>, AsyncDisposable {
  /**
   * Leaves early; resolves when the source has been cancelled. A `next()` that waits resolves as done.
   * With `preventCancel` it waits for that `next()` instead.
   */
  return(value?: unknown): Promise<IteratorResult<Received>>;
  /** The iterator itself. */
  [Symbol.asyncIterator](): EventIterator<Received>;
}

/**
 * What an {@linkcode EventStream} reads: events in batches, wherever they come from. It is read in two
 * steps, because one promise for both would cost a quarter of the time where a chunk holds one event
 * (Deno 2.9).
 *
 * @typeParam Received The events.
 * @typeParam Chunk What the events are made of.
 */
export interface EventBatchSource<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
  Chunk = unknown,
> {
  /** The last event ID as of the batches read, `""` when there is none. */
  readonly lastEventId: string;
  /** The last `retry` that arrived, in milliseconds; `undefined` before the first. */
  readonly reconnectionTime?: number | undefined;
  /** Resolves with the next chunk. Not called again before the events of that chunk have been taken. */
  readChunk(): Promise<Chunk>;
  /** Returns the events of a chunk, perhaps none, or `undefined` at the end. The array is the caller's. */
  eventsOf(
    chunk: Chunk,
  ): Received[] | undefined | Promise<Received[] | undefined>;
  /** Stops the source. A `readChunk()` or `eventsOf()` that waits must settle; what it gives is ignored. */
  cancel(reason?: unknown): Promise<void>;
}

/**
 * A stream of events that arrive in batches; {@linkcode decode} makes it.
 *
 * It is a `ReadableStream` for `pipeThrough`, `pipeTo`, `tee` and `getReader`, and quicker than one
 * in `for await`, which takes the events of a batch without a promise of the stream's own for each.
 *
 * @example Everything that one read completed, at once
 * ```ts
 * import { decode } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const stream = decode(new Blob(["id: 1\ndata: a\n\nid: 2\ndata: b\n\n"]).stream());
 * for await (const events of stream.batches()) {
 *   assertEquals(events.map((event) => event.data), ["a", "b"]);
 * }
 * assertEquals(stream.lastEventId, "2");
 * ```
 */
export class EventStream<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends ReadableStream<Received> {
  static readonly #symbols: void = /* @__PURE__ */ addMethods(this, {
    [Symbol.asyncIterator](
      this: EventStream,
      options?: EventIteratorOptions,
    ): EventIterator<ServerSentEvent> {
      return this.values(options);
    },
  });

  /** Iterates over the events, as {@linkcode EventStream.values} does. */
  declare readonly [Symbol.asyncIterator]: (
    options?: EventIteratorOptions,
  ) => EventIterator<Received>;

  readonly #queue: EventQueue<Received>;

  /**
   * Makes the stream; nothing is read before an event is asked for.
   *
   * @param source What gives the events.
   * @param signal Aborting it errors the stream with its reason, cancels the source and drops what was not handed out.
   */
  constructor(source: EventBatchSource<Received>, signal?: AbortSignal) {
    let queue!: EventQueue<Received>;
    super({
      start(controller) {
        queue = new EventQueue(source, controller, signal);
      },
      pull: () => queue.pull(),
      cancel: (reason) => queue.cancel(reason),
    }, { highWaterMark: 0 });
    this.#queue = queue;
  }

  /** The last event ID as of the events handed out: where to resume. `""` when there is none. */
  get lastEventId(): string {
    return this.#queue.lastEventId;
  }

  /** The last `retry` that arrived, in milliseconds; `undefined` before the first. It takes effect at once. */
  get reconnectionTime(): number | undefined {
    return this.#queue.source.reconnectionTime;
  }

  /**
   * Iterates over the events. Leaving the loop cancels the source.
   *
   * @param options `preventCancel: true` leaves the source open for another reader.
   * @returns The iterator, which locks the stream until it is done.
   * @throws {TypeError} If the stream is locked.
   */
  override values(
    { preventCancel = false }: EventIteratorOptions = {},
  ): EventIterator<Received> {
    return this.#queue.iterate(this.getReader(), take<Received>, preventCancel);
  }

  /**
   * Iterates over arrays of events: each holds all that one read of the source completed, never
   * none. The quickest way through a stream. Leaving the loop cancels the source.
   *
   * @returns The iterator, which locks the stream until it is done.
   * @throws {TypeError} If the stream is locked.
   */
  batches(): EventIterator<Received[]> {
    return this.#queue.iterate(this.getReader(), takeAll<Received>, false);
  }
}

type AnyEvent = ServerSentEvent<string, unknown>;

/** What has been read of a source and not been handed out; all ways to read a stream take from here. */
class EventQueue<Received extends AnyEvent> {
  readonly source: EventBatchSource<Received>;
  readonly #controller: ReadableStreamDefaultController<Received>;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.fail(this.#signal!.reason);
  readonly #puller: QueueIterator<Received | undefined>;
  events: Received[] = [];
  next = 0;
  /** The last event ID as of the events handed out. */
  lastEventId: string;
  /** How many steps of iterators are under way, and the last of them. */
  steps = 0;
  lastStep: Promise<unknown> | undefined;
  isIterated = false;
  #isClosed = false;
  #failure: { readonly reason: unknown } | undefined;

  constructor(
    source: EventBatchSource<Received>,
    controller: ReadableStreamDefaultController<Received>,
    signal: AbortSignal | undefined,
  ) {
    this.source = source;
    this.#controller = controller;
    this.#signal = signal;
    this.lastEventId = source.lastEventId;
    this.#puller = new QueueIterator(
      this,
      // A read whose reader was released leaves the events to the iterator that follows.
      () => this.isIterated ? undefined : take<Received>(this),
    );
    if (signal?.aborted) this.#onAbort();
    else addAbortListener(signal, this.#onAbort);
  }

  /** Answers a read of the stream's own reader, pipe or branch: one event for each. */
  pull(): Promise<void> | void {
    if (this.next < this.events.length) {
      return this.#controller.enqueue(take<Received>(this));
    }
    return this.#puller.next().then(({ value }) => {
      if (value !== undefined) this.#controller.enqueue(value);
    });
  }

  iterate<T>(
    reader: ReadableStreamDefaultReader<Received>,
    take: (queue: EventQueue<AnyEvent>) => T,
    preventCancel: boolean,
  ): EventIterator<T> {
    this.isIterated = true;
    // A read whose reader let go while it waited has left its event in the stream's own queue.
    if (this.#controller.desiredSize === -1) {
      this.steps++;
      this.lastStep = reader.read().then(({ value }) => {
        this.events.splice(0, this.next, value!);
        this.next = 0;
        this.steps--;
      });
    }
    return new QueueIterator(this, take, reader, preventCancel);
  }

  /** Takes over what a read of the source gave; tells whether reading goes on. */
  accept(events: Received[] | undefined): boolean {
    if (this.#failure !== undefined) throw this.#failure.reason;
    if (this.#isClosed) return false;
    if (events === undefined || events.length === 0) {
      this.lastEventId = this.source.lastEventId;
    }
    if (events === undefined) return false;
    this.events = events;
    this.next = 0;
    return true;
  }

  close(): void {
    if (this.#end()) this.#controller.close();
  }

  cancel(reason: unknown): Promise<void> {
    this.#end();
    return this.source.cancel(reason);
  }

  fail(reason: unknown): void {
    if (!this.#end()) return;
    this.#failure = { reason };
    this.#controller.error(reason);
    // The outcome is decided: what the source says to it changes nothing.
    this.source.cancel(reason).catch(() => {});
  }

  #end(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.events = [];
    this.next = 0;
    removeAbortListener(this.#signal, this.#onAbort);
    return true;
  }
}

/** Hands out the next event. */
function take<Received extends AnyEvent>(
  queue: EventQueue<AnyEvent>,
): Received {
  const event = queue.events[queue.next++]!;
  queue.lastEventId = queue.next < queue.events.length
    ? event.id
    : queue.source.lastEventId;
  return event as Received;
}

/** Hands out all events at hand. */
function takeAll<Received extends AnyEvent>(
  queue: EventQueue<AnyEvent>,
): Received[] {
  const { events, next } = queue;
  queue.events = [];
  queue.next = 0;
  queue.lastEventId = queue.source.lastEventId;
  return (next === 0 ? events : events.slice(next)) as Received[];
}

/** Takes one step after another, as the calls of an asynchronous iterator must be. */
class QueueIterator<T> implements EventIterator<T> {
  static readonly #symbols: void = /* @__PURE__ */ addMethods(this, {
    [Symbol.asyncIterator](): unknown {
      return this;
    },
    async [Symbol.asyncDispose](this: QueueIterator<unknown>): Promise<void> {
      await this.return();
    },
  });

  declare readonly [Symbol.asyncIterator]: () => this;
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  readonly #queue: EventQueue<AnyEvent>;
  readonly #take: (queue: EventQueue<AnyEvent>) => T;
  readonly #reader: ReadableStreamDefaultReader | undefined;
  readonly #preventCancel: boolean;
  #isDone = false;

  constructor(
    queue: EventQueue<AnyEvent>,
    take: (queue: EventQueue<AnyEvent>) => T,
    reader?: ReadableStreamDefaultReader,
    preventCancel = false,
  ) {
    this.#queue = queue;
    this.#take = take;
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<IteratorResult<T>> {
    const queue = this.#queue;
    if (queue.steps++ > 0) {
      const step = () => this.#step();
      const result = queue.lastStep!.then(step, step);
      queue.lastStep = result;
      return result;
    }
    if (queue.next < queue.events.length && !this.#isDone) {
      queue.steps = 0;
      return Promise.resolve({ done: false, value: this.#take(queue) });
    }
    const result = this.#step();
    queue.lastStep = result;
    return result;
  }

  async #step(): Promise<IteratorResult<T>> {
    const queue = this.#queue;
    try {
      while (!this.#isDone) {
        if (queue.next < queue.events.length) {
          return { done: false, value: this.#take(queue) };
        }
        const chunk = await queue.source.readChunk();
        let events = queue.source.eventsOf(chunk);
        if (events instanceof Promise) events = await events;
        if (!queue.accept(events)) break;
      }
      this.#release();
      queue.close();
      return { done: true, value: undefined };
    } catch (reason) {
      this.#release();
      queue.fail(reason);
      throw reason;
    } finally {
      queue.steps--;
    }
  }

  async return(value?: unknown): Promise<IteratorResult<T>> {
    const queue = this.#queue;
    if (this.#preventCancel && queue.steps > 0) {
      await queue.lastStep!.then(() => {}, () => {});
    }
    if (!this.#isDone) {
      const cancelled = this.#preventCancel
        ? undefined
        : this.#reader!.cancel(value);
      this.#release();
      await cancelled;
    }
    return { done: true, value };
  }

  #release(): void {
    if (this.#isDone || this.#reader === undefined) return;
    this.#isDone = true;
    this.#queue.isIterated = false;
    this.#reader.releaseLock();
  }
}

/**
 * Gives a class methods that have symbols as names. Those that a class declares itself keep it in every bundle: what makes
 * JavaScript of this package for npm evaluates their names in statements of their own, before the class.
 */
function addMethods(
  target: { readonly prototype: object },
  methods: object,
): void {
  const descriptors = Object.getOwnPropertyDescriptors(methods);
  Object.defineProperties(target.prototype, descriptors);
}
