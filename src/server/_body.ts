import type { Pulse, Pulsed } from "./keep_alive.ts";

/**
 * Why a response ended: its source came to the end, its source or log failed, the client went away,
 * or the server closed it (`maxAge`, `drain()`, a request that gets no stream).
 *
 * @example
 * ```ts
 * import { type CloseReason, respond } from "@rivulet/sse/server";
 * import { assertEquals } from "@std/assert";
 *
 * const counts: Record<CloseReason, number> = { ended: 0, failed: 0, gone: 0, closed: 0 };
 * const request = new Request("https://example.com/");
 * const onClose = (reason: CloseReason) => counts[reason]++;
 * await respond(request, [{ data: "a" }], { onClose }).text();
 * await respond(request, [{ data: "a" }], { onClose }).body?.cancel();
 * assertEquals(counts, { ended: 1, failed: 0, gone: 1, closed: 0 });
 * ```
 */
export type CloseReason = "ended" | "failed" | "gone" | "closed";

/** Where a body gets its bytes. */
export interface Feed {
  /**
   * Asks for bytes: to be written now, or whenever there are any. It may be called again before that.
   */
  pull(): void;
  /** Gives what keeps an idle connection alive, `undefined` where it would break what was written. */
  keepAlive(): Uint8Array | undefined;
  /** Called once, when the body has ended. */
  stop(reason: CloseReason): void;
}

/** What a body needs besides its feed. */
export interface BodyOptions {
  /** The first bytes. */
  first: Uint8Array;
  /** What keeps it alive while it is idle. */
  pulse?: Pulse | undefined;
  /** Aborts when the client has gone. */
  signal?: AbortSignal | undefined;
}

/**
 * The body of an event-stream response: asks its feed when the client reads, and ends exactly once, by
 * whichever sign comes first.
 */
export class Body implements Pulsed {
  readonly stream: ReadableStream<Uint8Array>;
  lastPulse = 0;
  readonly #feed: Feed;
  readonly #pulse: Pulse | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.end("gone");
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #wanted = false;
  #ended = false;

  constructor(feed: Feed, { first, pulse, signal }: BodyOptions) {
    this.#feed = feed;
    this.#pulse = pulse;
    this.#signal = signal;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        if (first.length > 0) controller.enqueue(first);
      },
      pull: () => {
        this.#wanted = true;
        feed.pull();
      },
      cancel: () => this.#settle("gone"),
    }, { highWaterMark: 0 });
    if (signal?.aborted) {
      this.end("gone");
      return;
    }
    signal?.addEventListener("abort", this.#onAbort);
    pulse?.add(this);
  }

  /** Tells whether the client waits for bytes. */
  get wanted(): boolean {
    return this.#wanted && !this.#ended;
  }

  /** Tells whether the body has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Hands bytes to the client. */
  write(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#wanted = false;
    if (this.#pulse !== undefined) this.lastPulse = this.#pulse.now;
    try {
      this.#controller.enqueue(chunk);
    } catch {
      // The runtime has torn the stream down without a word: the client has gone.
      this.end("gone");
    }
  }

  /** Keeps the connection alive. One that has not taken the last bytes is not idle. */
  beat(): void {
    const chunk = this.#wanted ? this.#feed.keepAlive() : undefined;
    if (chunk !== undefined) this.write(chunk);
  }

  /** Ends the body, behind what was written; with a reason to fail for, fails it. */
  end(reason: CloseReason, failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    try {
      if (failure === undefined) this.#controller.close();
      else this.#controller.error(failure.error);
    } catch {
      // Torn down by the runtime already.
    }
    this.#settle(reason);
  }

  #settle(reason: CloseReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#pulse?.delete(this);
    this.#feed.stop(reason);
  }
}
