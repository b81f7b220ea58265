/** A source of bytes that records what is asked of it. */
export interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  /** How many chunks were asked for. */
  pulls: number;
  /** The reason of every cancellation. */
  readonly cancels: unknown[];
  /** What the next pull of a source that waits at its end does. */
  send(chunk: string | Uint8Array): void;
  close(): void;
  fail(reason: unknown): void;
}

/** What a source does when its chunks are used up: nothing, so that a read waits, or end, or fail. */
export type End = "waits" | "closes" | { readonly failsWith: unknown };

const encoder = new TextEncoder();

/** Makes a source that gives one chunk for each pull and holds none ready. */
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

/** Turns of the event loop without its timers, of which each takes 1 ms, in Chromium 4 ms. */
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

/** Lets everything happen that can happen without a further event from outside. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn();
}

/** The same, and what the runtime reports behind timers that are due at once, which are rejections that nobody handles. */
export async function settleTimers(): Promise<void> {
  await new Promise<void>((resolve) => void setTimeout(resolve, 2));
  await settle();
}

/** Collects a stream with a reader of its own, also where streams cannot be iterated. */
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

/** Gives what a promise rejects with, and fails when it does not reject. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error("Expected the promise to reject");
}

/** Runs a case and gives the reasons of the rejections that nobody handled, where the runtime tells; the others end the run by themselves. */
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
