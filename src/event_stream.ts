import type { ServerSentEvent } from "./event.ts";
import { addAbortListener, removeAbortListener } from "./internal/abort.ts";

/** Options of {@linkcode EventStream.values}. */
export interface EventIteratorOptions {
  /**
   * Whether the source stays open for another reader when the loop is left.
   *
   * @default {false}
   */
  preventCancel?: boolean | undefined;
}

/** An iterator over an {@linkcode EventStream}. Ending it early cancels the source. */
export interface EventIterator<Received>
  extends AsyncIterableIterator<Received>, AsyncDisposable {
  /**
   * Ends the iteration. Resolves when the source has been cancelled. A pending `next()` resolves as done; with
   * `preventCancel`, this waits for that `next()` instead.
   */
  return(value?: unknown): Promise<IteratorResult<Received>>;
  /** The iterator itself. */
  [Symbol.asyncIterator](): EventIterator<Received>;
}

/**
 * The source of an {@linkcode EventStream}: events in batches. It is read in two steps, because a promise for both
 * would cost a quarter of the time when a chunk holds one event (Deno 2.9).
 *
 * @typeParam Received The type of the events.
 * @typeParam Chunk The type of the chunks that hold the events.
 */
export interface EventBatchSource<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
  Chunk = unknown,
> {
  /** The last event ID as of the batches read, `""` if there is none. */
  readonly lastEventId: string;
  /** The last `retry` received, in milliseconds; `undefined` before the first. */
  readonly reconnectionTime?: number | undefined;
  /** Resolves with the next chunk. There is one call at a time, and none after the end, a failure or `cancel()`. */
  readChunk(): Promise<Chunk>;
  /** Returns the events of a chunk in a new array, which may be empty, or `undefined` at the end. */
  eventsOf(
    chunk: Chunk,
  ): Received[] | undefined | Promise<Received[] | undefined>;
  /** Stops the source, unless it has ended. A pending call must settle; its result is ignored. */
  cancel(reason?: unknown): Promise<void>;
}

/**
 * A stream of events that arrive in batches; {@linkcode decode} returns one.
 *
 * It is a `ReadableStream` with `pipeThrough()`, `pipeTo()`, `tee()` and `getReader()`. A `for await` loop is faster
 * than over other streams, because it takes the events of a batch without a read of the stream for each.
 *
 * @example Process all events of a read at once
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
   * Creates the stream. Nothing is read until an event is requested.
   *
   * @param source The source of the events.
   * @param signal Aborting it fails the stream with its reason, cancels the source and discards the events that were
   * not delivered.
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

  /** The last event ID as of the events delivered, from which to resume; `""` if there is none. */
  get lastEventId(): string {
    return this.#queue.lastEventId;
  }

  /**
   * The last `retry` received, in milliseconds; `undefined` before the first. It may be ahead of the events delivered.
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
   * Iterates over arrays of events. Each holds all events that one read of the source completed, at least one. This is
   * the fastest way to read a stream. Leaving the loop cancels the source.
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

/** A consumer of the queue: an iterator, or a read by the stream's own reader. */
interface Consumer<T> {
  isDone: boolean;
  take(): T;
  release(): void;
}

/**
 * Reads a source in one loop and holds the events that have not been delivered. Every way to read the stream takes its
 * events from here. A separate class, because fields are slow in a subclass of `ReadableStream`: iterating would take
 * 1.25 times as long (Node 20).
 */
class EventQueue<Received extends AnyEvent> {
  readonly source: EventBatchSource<Received>;
  readonly #controller: ReadableStreamDefaultController<Received>;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#fail(this.#signal!.reason);
  #events: Received[] = [];
  /** The index of the next event to deliver. */
  #next = 0;
  /** The last event ID as of the events delivered. */
  lastEventId: string;
  /** The number of pending steps, and the last of them. */
  #steps = 0;
  #lastStep: Promise<unknown> | undefined;
  /** The last read by the stream's own reader. */
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

  /** Ends a pending read whose reader was released. */
  #recover(reader: ReadableStreamDefaultReader<Received>): void {
    if (this.#read !== undefined) this.#read.isDone = true;
    // At -1, the stream's internal queue holds the event of such a read. Moves it back to this queue.
    if (this.#controller.desiredSize !== -1) return;
    this.#steps++;
    this.#lastStep = reader.read().then(({ value }) => {
      this.#events.splice(0, this.#next, value!);
      this.#next = 0;
      this.#steps--;
    });
  }

  /** Fulfills a read by the stream's own reader, pipe or branch with one event. */
  async pull(): Promise<void> {
    this.#read = {
      isDone: false,
      take: () => this.#controller.enqueue(this.take()),
      release() {},
    };
    await this.#advance(this.#read);
  }

  /** Runs the steps of consumers one after another, in the order of the calls, as an asynchronous generator does. */
  #advance<T>(consumer: Consumer<T>): Promise<IteratorResult<T>> {
    if (this.#steps++ > 0) {
      const step = () => this.#step(consumer);
      const result = this.#lastStep!.then(step, step);
      this.#lastStep = result;
      return result;
    }
    // A buffered event costs one promise and no step.
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
      // A failure after `return()` is ignored.
      if (consumer.isDone) return { done: true, value: undefined };
      consumer.isDone = true;
      consumer.release();
      throw reason;
    } finally {
      // The promise would keep the last batch in memory until the next one has been read.
      if (--this.#steps === 0) this.#lastStep = undefined;
    }
  }

  /** Stores the result of a read of the source. Returns whether reading continues. */
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
    // The outcome is already decided, so an error of the source is ignored.
    this.source.cancel(reason).catch(() => {});
  }

  /** Stops handing out events. Returns `false` if it was closed before. */
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
 * Adds methods with symbols as names to a class. If the class declared them, it would stay in every bundle: the
 * compiler that builds the npm package evaluates computed names in statements before the class, which bundlers keep.
 */
function addMethods(
  target: { readonly prototype: object },
  methods: object,
): void {
  const descriptors = Object.getOwnPropertyDescriptors(methods);
  Object.defineProperties(target.prototype, descriptors);
}
