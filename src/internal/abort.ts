/** The listeners of each signal. */
const waiting: WeakMap<AbortSignal, Set<() => void>> =
  /* @__PURE__ */ new WeakMap();

/**
 * Calls `listener` when the signal aborts. All listeners of a signal share one event listener, because Node 20 to 24
 * warns of a leak when a signal has more than ten, and one signal may end any number of streams.
 */
export function addAbortListener(
  signal: AbortSignal | undefined,
  listener: () => void,
): void {
  if (signal === undefined) return;
  const listeners = waiting.get(signal) ?? new Set();
  if (listeners.size === 0) {
    waiting.set(signal, listeners);
    signal.addEventListener("abort", callAll);
  }
  listeners.add(listener);
}

/** Undoes {@linkcode addAbortListener}. */
export function removeAbortListener(
  signal: AbortSignal | undefined,
  listener: () => void,
): void {
  if (signal === undefined) return;
  const listeners = waiting.get(signal);
  if (!listeners?.delete(listener) || listeners.size > 0) return;
  waiting.delete(signal);
  signal.removeEventListener("abort", callAll);
}

function callAll(this: AbortSignal): void {
  for (const listener of waiting.get(this) ?? []) listener();
}

/**
 * Microtasks to wait before starting a timer. Most promises settle by then, and a timer costs more than the rest of the
 * call.
 */
const TURNS = 4;

/**
 * Settles as the promise does. Rejects with a `TimeoutError` if the promise has not settled after a number of
 * milliseconds, or as soon as the signal aborts. A later result is ignored.
 */
export async function within<T>(
  promise: Promise<T>,
  limit: number,
  signal?: AbortSignal,
): Promise<T> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  promise.then(settle, settle);
  for (let turn = 0; turn < TURNS && !isSettled; turn++) await null;
  return isSettled ? promise : limited(promise, limit, signal);
}

async function limited<T>(
  promise: Promise<T>,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  const settled = new AbortController();
  const stop = (): void => settled.abort();
  addAbortListener(signal, stop);
  if (signal?.aborted) stop();
  const expiry = sleep(limit, settled.signal).then(() => {
    throw new DOMException(`no answer within ${limit} ms`, "TimeoutError");
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    removeAbortListener(signal, stop);
    stop();
  }
}

/** Resolves after `delay` milliseconds, or as soon as the signal aborts. Leaves no timer or listener. */
export function sleep(delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      removeAbortListener(signal, done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    addAbortListener(signal, done);
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
