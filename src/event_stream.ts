import type { ServerSentEvent } from "./event.ts";
import { type DecodeOptions, EventReader } from "./event_reader.ts";
import { describe } from "./internal/check.ts";

/** Options of {@linkcode EventStream.values}. */
export interface EventIteratorOptions {
  /**
   * Whether leaving the loop leaves the source open for another reader.
   *
   * @default {false}
   */
  preventCancel?: boolean | undefined;
}

/**
 * A stream of the events that a source of bytes holds; {@linkcode decode} makes it.
 *
 * It is a `ReadableStream` for `pipeThrough`, `pipeTo`, `tee` and `getReader`, and quicker than one
 * in `for await`, which takes events from what one read of the source completed without a
 * promise of the stream's own for each.
 *
 * @example Everything that one read completed, at once
 * ```ts
 * import { EventStream } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const stream = new EventStream(new Blob(["id: 1\ndata: a\n\nid: 2\ndata: b\n\n"]).stream());
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

  readonly #reader: EventReader<Received>;
  readonly #controller: ReadableStreamDefaultController<Received>;
  #batch: Received[] = [];
  #next = 0;
  #handedOutId = "";
  #dropped = false;
  #pulling: Promise<void> | undefined;

  /**
   * Makes the stream and locks its source; nothing is read before an event is asked for.
   *
   * @param source The bytes. It is locked from now on.
   * @param options Limits, the end marker and the signal.
   * @throws {TypeError} If `source` is locked or no stream, or an option has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(
    source: ReadableStream<Uint8Array>,
    options: DecodeOptions<Received> = {},
  ) {
    if (!(source instanceof ReadableStream) || source.locked) {
      throw new TypeError(
        `Cannot decode: source must be an unlocked ReadableStream: received ${
          source instanceof ReadableStream ? "a locked one" : describe(source)
        }`,
      );
    }
    let controller!: ReadableStreamDefaultController<Received>;
    super({
      start: (c) => void (controller = c),
      pull: () => this.#pull(),
      cancel: (reason) => {
        this.#drop();
        return this.#reader.cancel(reason);
      },
    }, { highWaterMark: 0 });
    this.#controller = controller;
    this.#reader = new EventReader(source, options, (reason) => {
      this.#drop();
      controller.error(reason);
    });
  }

  /** The last event ID as of the events handed out: where to resume. `""` when there is none. */
  get lastEventId(): string {
    const behind = this.#dropped || this.#isReady;
    return behind ? this.#handedOutId : this.#reader.lastEventId;
  }

  /** The last `retry` that arrived, in milliseconds; `undefined` before the first. It takes effect at once. */
  get reconnectionTime(): number | undefined {
    return this.#reader.reconnectionTime;
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
    return this.#iterate(() => this.#take(), preventCancel);
  }

  /**
   * Iterates over arrays of events: each holds all that one read of the source completed, never
   * none. The quickest way through a stream. Leaving the loop cancels the source.
   *
   * @returns The iterator, which locks the stream until it is done.
   * @throws {TypeError} If the stream is locked.
   */
  batches(): EventIterator<Received[]> {
    return this.#iterate(() => this.#takeAll(), false);
  }

  #iterate<T>(take: () => T, preventCancel: boolean): EventIterator<T> {
    const reader = this.getReader();
    return new SerialIterator({
      isReady: () => this.#isReady,
      take,
      fill: (onFilled, onFailed) => this.#fill(reader, onFilled, onFailed),
      async release(cancels, reason) {
        const cancelled = cancels ? reader.cancel(reason) : undefined;
        reader.releaseLock();
        await cancelled;
      },
    }, preventCancel);
  }

  get #isReady(): boolean {
    return this.#next < this.#batch.length;
  }

  /** Answers a read of the stream's own reader, pipe or branch: one event for each. */
  #pull(): Promise<void> | void {
    if (this.#isReady) {
      return this.#controller.enqueue(this.#take());
    }
    this.#pulling = this.#read((isFilled) => {
      if (isFilled) this.#controller.enqueue(this.#take());
      else if (!this.#dropped) this.#controller.close();
    }, (reason) => {
      throw reason;
    });
    return this.#pulling;
  }

  /** Makes sure that an event is at hand, and tells whether there is one; there is none at the end. */
  #fill<T>(
    reader: ReadableStreamDefaultReader<Received>,
    onFilled: (isFilled: boolean) => T | Promise<T>,
    onFailed: (reason: unknown) => T | Promise<T>,
  ): Promise<T> {
    const fail = (reason: unknown): T | Promise<T> => {
      this.#controller.error(reason);
      return onFailed(reason);
    };
    const isAtHand = this.#pulling !== undefined ||
      this.#controller.desiredSize !== 0 ||
      this.#isReady;
    return isAtHand
      ? this.#recover(reader).then(onFilled, fail)
      : this.#read(onFilled, fail);
  }

  /** Takes what a reader that let go while it waited has left in the stream's own queue: its event, or the failure. */
  async #recover(
    reader: ReadableStreamDefaultReader<Received>,
  ): Promise<boolean> {
    await this.#pulling;
    if (this.#controller.desiredSize !== 0) {
      const { value } = await reader.read();
      this.#batch = [value!, ...this.#batch.slice(this.#next)];
      this.#next = 0;
    }
    if (this.#isReady) return true;
    return this.#read((isFilled) => isFilled, (reason) => {
      throw reason;
    });
  }

  #read<T>(
    onFilled: (isFilled: boolean) => T | Promise<T>,
    onFailed: (reason: unknown) => T | Promise<T>,
  ): Promise<T> {
    this.#handedOutId = this.#reader.lastEventId;
    return this.#reader.receive((batch) => {
      if (batch === undefined) return onFilled(false);
      this.#batch = batch;
      this.#next = 0;
      return onFilled(true);
    }, onFailed);
  }

  #take(): Received {
    const event = this.#batch[this.#next++]!;
    this.#handedOutId = event.id;
    return event;
  }

  #takeAll(): Received[] {
    const events = this.#next === 0
      ? this.#batch
      : this.#batch.slice(this.#next);
    this.#batch = [];
    this.#next = 0;
    return events;
  }

  #drop(): void {
    this.#dropped ||= this.#isReady;
    this.#batch = [];
    this.#next = 0;
  }
}

/** What iterates over an {@linkcode EventStream}; leaving it early cancels the source. */
export interface EventIterator<Received>
  extends AsyncIterableIterator<Received>, AsyncDisposable {
  /** Leaves early; resolves when the source has been cancelled. */
  return(value?: unknown): Promise<IteratorResult<Received>>;
  /** The iterator itself. */
  [Symbol.asyncIterator](): EventIterator<Received>;
}

/** What a {@linkcode SerialIterator} takes from. */
interface Supply<T> {
  /** Whether there is something to take. */
  isReady(): boolean;
  take(): T;
  /** Waits for something to take, and resolves with what is made of that, of the end or of the failure. */
  fill<R>(
    onFilled: (isReady: boolean) => R | Promise<R>,
    onFailed: (reason: unknown) => R | Promise<R>,
  ): Promise<R>;
  /** Lets go, and cancels where that is asked for. */
  release(cancels: boolean, reason: unknown): Promise<void>;
}

/** Takes one step after another, as the calls of an asynchronous iterator must be; none costs more than a promise. */
class SerialIterator<T> implements EventIterator<T> {
  static readonly #symbols: void = /* @__PURE__ */ addMethods(this, {
    [Symbol.asyncIterator](): unknown {
      return this;
    },
    async [Symbol.asyncDispose](this: SerialIterator<unknown>): Promise<void> {
      await this.return();
    },
  });

  declare readonly [Symbol.asyncIterator]: () => this;
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  readonly #supply: Supply<T>;
  readonly #preventCancel: boolean;
  #done = false;
  #pending = 0;
  #last: Promise<unknown> | undefined;

  constructor(supply: Supply<T>, preventCancel: boolean) {
    this.#supply = supply;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#pending === 0 && !this.#done && this.#supply.isReady()) {
      return Promise.resolve({ done: false, value: this.#supply.take() });
    }
    return this.#queue(() => this.#step());
  }

  return(value?: unknown): Promise<IteratorResult<T>> {
    return this.#queue(() => this.#end(!this.#preventCancel, value));
  }

  #queue<R>(step: () => Promise<R>): Promise<R> {
    const isFirst = this.#pending++ === 0;
    const result = isFirst ? step() : this.#last!.then(step, step);
    this.#last = result;
    return result;
  }

  #step(): Promise<IteratorResult<T>> {
    if (this.#done) return this.#end(false);
    return this.#supply.fill((isReady) => {
      if (!isReady) return this.#end(true);
      this.#pending--;
      return { done: false, value: this.#supply.take() };
    }, async (reason) => {
      await this.#end(false);
      throw reason;
    });
  }

  async #end(cancels: boolean, value?: unknown): Promise<IteratorResult<T>> {
    try {
      if (!this.#done) {
        this.#done = true;
        await this.#supply.release(cancels, value);
      }
    } finally {
      this.#pending--;
    }
    return { done: true, value };
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
