/** A source of bytes that records its calls. */
export interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  /** The number of chunks that were requested. */
  pulls: number;
  /** The reason of every cancellation. */
  readonly cancels: unknown[];
  /** Settles the pending pull of a source that waits at its end. */
  send(chunk: string | Uint8Array): void;
  close(): void;
  fail(reason: unknown): void;
}

/** What a source does after its last chunk: nothing, so that a read stays pending, end, or fail. */
export type End = "waits" | "closes" | { readonly failsWith: unknown };

const encoder = new TextEncoder();

/** Returns a source that enqueues one chunk for each pull and none in advance. */
export function sourceOf(
  chunks: readonly (string | Uint8Array)[],
  end: End = "closes",
): Source {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let next = 0;
  const source: Source = {
    stream: new ReadableStream<Uint8Array>({
      start: (c) => void (controller = c),
      pull: () => {
        source.pulls++;
        const chunk = chunks[next++];
        if (chunk !== undefined) source.send(chunk);
        else if (end === "closes") controller.close();
        else if (end !== "waits") controller.error(end.failsWith);
      },
      cancel: (reason) => void source.cancels.push(reason),
    }, { highWaterMark: 0 }),
    pulls: 0,
    cancels: [],
    send: (chunk) =>
      controller.enqueue(
        typeof chunk === "string" ? encoder.encode(chunk) : chunk,
      ),
    close: () => controller.close(),
    fail: (reason) => controller.error(reason),
  };
  return source;
}

/** Waits for turns of the event loop without a timer, since each timer takes 1 ms, in Chromium 4 ms. */
const { setImmediate, scheduler, setTimeout } = globalThis as
  & typeof globalThis
  & {
    setImmediate?: (run: () => void) => void;
    scheduler?: { postTask?: (run: () => void) => void };
  };

function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (setImmediate) setImmediate(resolve);
    else if (scheduler?.postTask) scheduler.postTask(resolve);
    else setTimeout(resolve, 0);
  });
}

/** Waits until everything is done that needs no further input. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn();
}

/** The same, and waits until the runtime has reported unhandled rejections, which it does after timers that are due. */
export async function settleTimers(): Promise<void> {
  await new Promise<void>((resolve) => void setTimeout(resolve, 2));
  await settle();
}

/** Collects a stream with a reader, since some runtimes cannot iterate streams. */
export async function readAll<T>(
  stream: ReadableStream<T>,
  into: T[] = [],
): Promise<T[]> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return into;
    into.push(value);
  }
}

/** Returns the error that a promise rejects with, and fails if it does not reject. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error("Expected the promise to reject");
}

/** Runs a case and returns the reasons of unhandled rejections if the runtime reports them; other runtimes end the run. */
export async function unhandledDuring(
  run: () => Promise<void>,
): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const record = (event: PromiseRejectionEvent) =>
    void reasons.push(event.reason);
  const target = globalThis as Partial<
    Pick<EventTarget, "addEventListener" | "removeEventListener">
  >;
  target.addEventListener?.("unhandledrejection", record as EventListener);
  try {
    await run();
    await settleTimers();
  } finally {
    target.removeEventListener?.("unhandledrejection", record as EventListener);
  }
  return reasons;
}
