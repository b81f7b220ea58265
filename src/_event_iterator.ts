/**
 * What iterates over an {@linkcode EventStream}; leaving it early cancels the source.
 *
 * @example
 * ```ts
 * import { decode, type EventIterator, type ServerSentEvent } from "@rivulet/sse";
 * import { assertEquals } from "@std/assert";
 *
 * const stream = decode(new Blob(["data: a\n\ndata: b\n\n"]).stream());
 * const events: EventIterator<ServerSentEvent> = stream.values();
 * assertEquals((await events.next()).value?.data, "a");
 * assertEquals((await events.return("enough")).value, "enough"); // and the source is cancelled
 * ```
 */
export interface EventIterator<Event>
  extends AsyncIterableIterator<Event>, AsyncDisposable {
  /** Leaves early; resolves when the source has been cancelled. */
  return(value?: unknown): Promise<IteratorResult<Event>>;
  /** The iterator itself. */
  [Symbol.asyncIterator](): EventIterator<Event>;
}

/** What a {@linkcode SerialIterator} takes from. */
export interface Supply<T> {
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
export class SerialIterator<T> implements EventIterator<T> {
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

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
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
