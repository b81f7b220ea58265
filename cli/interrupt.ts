/** Returns a signal that aborts at the first Ctrl-C or SIGTERM. The next one ends the process at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  // Windows has no SIGTERM to listen to.
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  const onSignal = (): void => {
    for (const name of signals) Deno.removeSignalListener(name, onSignal);
    controller.abort();
  };
  for (const name of signals) Deno.addSignalListener(name, onSignal);
  return controller.signal;
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
