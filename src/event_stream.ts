import type { ServerSentEvent } from "./event.ts";
import { addAbortListener, removeAbortListener } from "./internal/abort.ts";

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
   * Leaves early; resolves when the source has been cancelled. A `next()` that waits resolves as
   * done. With `preventCancel` it waits for that `next()` instead.
   */
  return(value?: unknown): Promise<IteratorResult<Received>>;
  /** The iterator itself. */
  [Symbol.asyncIterator](): EventIterator<Received>;
}

/**
 * What an {@linkcode EventStream} reads: events in batches, wherever they come from. It is read in
 * two steps, because one promise for both would cost a quarter of the time where a chunk holds one
 * event (Deno 2.9).
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
  /**
   * Resolves with the next chunk. Called for one after another, and not after the end, a failure or
   * `cancel()`.
   */
  readChunk(): Promise<Chunk>;
  /** Returns the events of a chunk, perhaps none, or `undefined` at the end, in a new array. */
  eventsOf(
    chunk: Chunk,
  ): Received[] | undefined | Promise<Received[] | undefined>;
  /**
   * Stops the source, unless it is over. A call that waits must settle; what it gives is ignored.
   */
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
   * @param signal Aborting it errors the stream with its reason, cancels the source and drops what
   * was not handed out.
   */
  constructor(source: EventBatchSource<Received>, signal?: AbortSignal) {
    let queue!: EventQueue<Received>;
    super({
      start(controller) {
        queue = new EventQueue(source, controller, signal);
      },
      pull: () => queue.pull(),
      cancel(reason) {
        queue.close();
        return source.cancel(reason);
      },
    }, { highWaterMark: 0 });
    this.#queue = queue;
  }

  /** The last event ID as of the events handed out: where to resume. `""` when there is none. */
  get lastEventId(): string {
    return this.#queue.lastEventId;
  }

  /**
   * The last `retry` that arrived, in milliseconds; `undefined` before the first. It takes effect
   * at once.
   */
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
    const queue = this.#queue;
    return queue.iterate(this.getReader(), () => queue.take(), preventCancel);
  }

  /**
   * Iterates over arrays of events: each holds all that one read of the source completed, never
   * none. The quickest way through a stream. Leaving the loop cancels the source.
   *
   * @returns The iterator, which locks the stream until it is done.
   * @throws {TypeError} If the stream is locked.
   */
  batches(): EventIterator<Received[]> {
    const queue = this.#queue;
    return queue.iterate(this.getReader(), () => queue.takeAll(), false);
  }
}

type AnyEvent = ServerSentEvent<string, unknown>;

/**
 * What takes events from the queue of a stream: an iterator, or a read of the stream's own reader.
 */
interface Consumer<T> {
  isDone: boolean;
  take(): T;
  release(): void;
}

/**
 * Reads a source in one loop and holds the events that have been read and not handed out. All ways
 * to read a stream take from here. It is a separate class because its fields are slow in a subclass
 * of `ReadableStream`: iterating would take 1.25 times as long (Node 20).
 */
class EventQueue<Received extends AnyEvent> {
  readonly source: EventBatchSource<Received>;
  readonly #controller: ReadableStreamDefaultController<Received>;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#fail(this.#signal!.reason);
  #events: Received[] = [];
  /** The index of the next event to hand out. */
  #next = 0;
  /** The last event ID as of the events handed out. */
  lastEventId: string;
  /** How many steps are under way, and the last of them. */
  #steps = 0;
  #lastStep: Promise<unknown> | undefined;
  /** The last read of the stream's own reader. */
  #read: Consumer<void> | undefined;
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
    if (signal?.aborted) this.#onAbort();
    else addAbortListener(signal, this.#onAbort);
  }

  iterate<T>(
    reader: ReadableStreamDefaultReader<Received>,
    take: () => T,
    preventCancel: boolean,
  ): EventIterator<T> {
    this.#recover(reader);
    const consumer: Consumer<T> = {
      isDone: false,
      take,
      release: () => reader.releaseLock(),
    };
    return {
      next: () => this.#advance(consumer),
      return: async (value) => {
        if (preventCancel && this.#steps > 0) {
          await this.#lastStep!.catch(() => {});
        }
        if (!consumer.isDone) {
          consumer.isDone = true;
          const cancelled = preventCancel ? undefined : reader.cancel(value);
          reader.releaseLock();
          await cancelled;
        }
        return { done: true, value };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
      async [Symbol.asyncDispose]() {
        await this.return();
      },
    };
  }

  /** Takes over from reads whose reader was released while they waited. */
  #recover(reader: ReadableStreamDefaultReader<Received>): void {
    if (this.#read !== undefined) this.#read.isDone = true;
    // One has been answered since: its event is in the stream's own queue.
    if (this.#controller.desiredSize !== -1) return;
    this.#steps++;
    this.#lastStep = reader.read().then(({ value }) => {
      this.#events.splice(0, this.#next, value!);
      this.#next = 0;
      this.#steps--;
    });
  }

  /** Answers a read of the stream's own reader, pipe or branch: one event for each. */
  async pull(): Promise<void> {
    this.#read = {
      isDone: false,
      take: () => this.#controller.enqueue(this.take()),
      release() {},
    };
    await this.#advance(this.#read);
  }

  /**
   * Lets consumers take one step after another, as the calls of an asynchronous iterator must be.
   */
  #advance<T>(consumer: Consumer<T>): Promise<IteratorResult<T>> {
    if (this.#steps++ > 0) {
      const step = () => this.#step(consumer);
      const result = this.#lastStep!.then(step, step);
      this.#lastStep = result;
      return result;
    }
    // An event at hand costs one promise, and no step.
    if (this.#next < this.#events.length && !consumer.isDone) {
      this.#steps = 0;
      return Promise.resolve({ done: false, value: consumer.take() });
    }
    const result = this.#step(consumer);
    this.#lastStep = result;
    return result;
  }

  async #step<T>(consumer: Consumer<T>): Promise<IteratorResult<T>> {
    const { source } = this;
    try {
      while (!consumer.isDone) {
        if (this.#next < this.#events.length) {
          return { done: false, value: consumer.take() };
        }
        let events: Received[] | undefined;
        if (!this.#isClosed) {
          const chunk = await source.readChunk();
          const given = source.eventsOf(chunk);
          events = given instanceof Promise ? await given : given;
        }
        if (!this.#accept(events)) {
          consumer.isDone = true;
          consumer.release();
          if (this.close()) this.#controller.close();
        }
      }
      return { done: true, value: undefined };
    } catch (reason) {
      this.#fail(reason);
      // A failure after return() is too late to matter.
      if (consumer.isDone) return { done: true, value: undefined };
      consumer.isDone = true;
      consumer.release();
      throw reason;
    } finally {
      // Its promise would keep the last batch in memory until the next one has been read.
      if (--this.#steps === 0) this.#lastStep = undefined;
    }
  }

  /** Takes over what a read of the source gave; returns whether reading goes on. */
  #accept(events: Received[] | undefined): boolean {
    if (this.#failure !== undefined) throw this.#failure.reason;
    if (this.#isClosed) return false;
    this.#events = events ?? [];
    this.#next = 0;
    if (this.#events.length === 0) this.lastEventId = this.source.lastEventId;
    return events !== undefined;
  }

  take(): Received {
    const event = this.#events[this.#next++]!;
    this.lastEventId = this.#next < this.#events.length
      ? event.id
      : this.source.lastEventId;
    return event;
  }

  takeAll(): Received[] {
    const events = this.#events;
    const next = this.#next;
    this.#events = [];
    this.#next = 0;
    this.lastEventId = this.source.lastEventId;
    return next === 0 ? events : events.slice(next);
  }

  #fail(reason: unknown): void {
    if (!this.close()) return;
    this.#failure = { reason };
    this.#controller.error(reason);
    // The outcome is already decided: a failure of the source to stop changes nothing.
    this.source.cancel(reason).catch(() => {});
  }

  /** Hands out nothing more; returns whether it did until now. */
  close(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#events = [];
    this.#next = 0;
    removeAbortListener(this.#signal, this.#onAbort);
    return true;
  }
}

/**
 * Gives a class methods that have symbols as names. Those that a class declares itself keep it in
 * every bundle: what makes JavaScript of this package for npm evaluates their names in statements
 * of their own, before the class.
 */
function addMethods(
  target: { readonly prototype: object },
  methods: object,
): void {
  const descriptors = Object.getOwnPropertyDescriptors(methods);
  Object.defineProperties(target.prototype, descriptors);
}
