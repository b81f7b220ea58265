import { describe } from "./_check.ts";
import { type DecodeOptions, EventReader } from "./_event_reader.ts";
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
export interface EventIterator<Event>
  extends AsyncIterableIterator<Event>, AsyncDisposable {
  /** The iterator itself. */
  [Symbol.asyncIterator](): EventIterator<Event>;
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
  Event extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends ReadableStream<Event> {
  readonly #reader: EventReader<Event>;
  readonly #controller: ReadableStreamDefaultController<Event>;
  #batch: Event[] = [];
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
    options: DecodeOptions<Event> = {},
  ) {
    if (!(source instanceof ReadableStream) || source.locked) {
      throw new TypeError(
        `Cannot decode: source must be an unlocked ReadableStream: received ${
          source instanceof ReadableStream ? "a locked one" : describe(source)
        }`,
      );
    }
    let controller!: ReadableStreamDefaultController<Event>;
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
    const behind = this.#dropped || this.#next < this.#batch.length;
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
  ): EventIterator<Event> {
    const reader = this.getReader();
    const queue = new SerialQueue();
    let done = false;
    const release = async (
      cancels: boolean,
      reason?: unknown,
    ): Promise<void> => {
      if (done) return;
      done = true;
      const cancelled = cancels ? reader.cancel(reason) : undefined;
      reader.releaseLock();
      await cancelled;
    };
    const step = async (): Promise<IteratorResult<Event>> => {
      try {
        if (!done && await this.#fill(reader)) {
          return { done: false, value: this.#take() };
        }
      } catch (reason) {
        await release(false);
        throw reason;
      }
      await release(true);
      return { done: true, value: undefined };
    };
    const end = async (value?: unknown): Promise<IteratorResult<Event>> => {
      await release(!preventCancel, value);
      return { done: true, value };
    };
    return {
      next: () => {
        const ready = queue.idle && !done && this.#next < this.#batch.length;
        return ready
          ? Promise.resolve({ done: false, value: this.#take() })
          : queue.run(step);
      },
      return: (value) => queue.run(() => end(value)),
      [Symbol.asyncIterator]() {
        return this;
      },
      [Symbol.asyncDispose]: () => queue.run(async () => void await end()),
    };
  }

  /** Iterates over the events, as {@linkcode EventStream.values} does. */
  override [Symbol.asyncIterator](
    options?: EventIteratorOptions,
  ): EventIterator<Event> {
    return this.values(options);
  }

  /**
   * Iterates over arrays of events: each holds all that one read of the source completed, never
   * none. The quickest way through a stream. Leaving the loop cancels the source.
   *
   * @returns The iterable, which locks the stream from its first step on.
   */
  async *batches(): AsyncGenerator<Event[], void, void> {
    const reader = this.getReader();
    try {
      while (await this.#fill(reader)) yield this.#takeAll();
    } finally {
      const cancelled = reader.cancel();
      reader.releaseLock();
      await cancelled;
    }
  }

  /** Answers a read of the stream's own reader, pipe or branch: one event for each. */
  #pull(): Promise<void> | void {
    if (this.#next < this.#batch.length) {
      return this.#controller.enqueue(this.#take());
    }
    this.#pulling = this.#refill().then((filled) => {
      if (filled) this.#controller.enqueue(this.#take());
      else if (!this.#dropped) this.#controller.close();
    });
    return this.#pulling;
  }

  /** Makes sure that an event is at hand; tells whether there is one, `false` at the end. */
  async #fill(
    reader: ReadableStreamDefaultReader<Event>,
  ): Promise<boolean> {
    if (this.#pulling !== undefined) await this.#pulling;
    // A reader that let go while it waited has left its event, or the failure, in the stream's own queue.
    if (this.#controller.desiredSize !== 0) {
      const { value } = await reader.read();
      this.#batch = [value!, ...this.#batch.slice(this.#next)];
      this.#next = 0;
    }
    if (this.#next < this.#batch.length) return true;
    try {
      return await this.#refill();
    } catch (reason) {
      this.#controller.error(reason);
      throw reason;
    }
  }

  #refill(): Promise<boolean> {
    this.#handedOutId = this.#reader.lastEventId;
    return this.#reader.read().then((batch) => {
      if (batch === undefined) return false;
      this.#batch = batch;
      this.#next = 0;
      return true;
    });
  }

  #take(): Event {
    const event = this.#batch[this.#next++]!;
    this.#handedOutId = event.id;
    return event;
  }

  #takeAll(): Event[] {
    const events = this.#next === 0
      ? this.#batch
      : this.#batch.slice(this.#next);
    this.#batch = [];
    this.#next = 0;
    return events;
  }

  #drop(): void {
    this.#dropped ||= this.#next < this.#batch.length;
    this.#batch = [];
    this.#next = 0;
  }
}

/** Runs asynchronous steps one after another, as the calls of an asynchronous iterator must be. */
class SerialQueue {
  #last: Promise<unknown> | undefined;

  get idle(): boolean {
    return this.#last === undefined;
  }

  run<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last === undefined
      ? step()
      : this.#last.then(step, step);
    const settle = (): void => {
      if (this.#last === result) this.#last = undefined;
    };
    this.#last = result;
    result.then(settle, settle);
    return result;
  }
}
