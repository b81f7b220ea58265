/** Runs a case and gives what was thrown in microtasks: how uncaught errors of callbacks are reported. */
export async function thrownDuring(
  run: () => Promise<void>,
): Promise<unknown[]> {
  const { queueMicrotask } = globalThis;
  const thrown: unknown[] = [];
  globalThis.queueMicrotask = (task) =>
    queueMicrotask(() => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    });
  try {
    await run();
  } finally {
    globalThis.queueMicrotask = queueMicrotask;
  }
  return thrown;
}
