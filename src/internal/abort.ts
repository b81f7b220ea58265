/** Turns of the microtask queue in which who has the answer at hand gives it; a timer costs more than all else of it. */
const TURNS = 4;

/**
 * Settles as the promise does; rejects with a `TimeoutError` when it has not after so many milliseconds, or as soon as
 * the signal aborts, when nobody waits for it any more. What comes of it later is nothing to anybody.
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
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  const expiry = sleep(limit, settled.signal).then(() => {
    throw new DOMException(`no answer within ${limit} ms`, "TimeoutError");
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
}

/** Resolves after `delay` milliseconds, or as soon as the signal aborts; leaves neither timer nor listener. */
export function sleep(delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    signal?.addEventListener("abort", done);
  });
}
