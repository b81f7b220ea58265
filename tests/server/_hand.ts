/** A source that yields what the test puts in, and counts the calls. */
export class Hand<T> implements AsyncIterable<T> {
  /** How often `next()` was called. */
  asked = 0;
  /** How often `return()` was called. */
  returned = 0;
  #waiting: ((result: IteratorResult<T>) => void) | undefined;
  #refuse: ((reason: unknown) => void) | undefined;

  give(value: T): void {
    this.#waiting?.({ done: false, value });
  }

  end(): void {
    this.#waiting?.({ done: true, value: undefined });
  }

  fail(reason: unknown): void {
    this.#refuse?.(reason);
  }

  /** The same as a stream. */
  stream(): ReadableStream<T> {
    const iterator = this[Symbol.asyncIterator]();
    return new ReadableStream<T>({
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void await iterator.return?.(),
    }, { highWaterMark: 0 });
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => {
        this.asked++;
        return new Promise((resolve, reject) => {
          this.#waiting = resolve;
          this.#refuse = reject;
        });
      },
      return: () => {
        this.returned++;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
