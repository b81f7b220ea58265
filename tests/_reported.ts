import { pause } from "../tools/pause.ts";

/** An error that a case throws so that the platform reports it. Runners do not count it as a failure. */
export class ReportedError extends Error {
  readonly isExpectedOutside = true;
}

interface Process {
  on(type: "uncaughtException", listener: (error: unknown) => void): void;
  off(type: "uncaughtException", listener: (error: unknown) => void): void;
}

/** Runs a case. Returns the errors that the platform reported meanwhile. */
export async function reportedDuring(
  run: () => Promise<void>,
): Promise<unknown[]> {
  const reported: unknown[] = [];
  const { process } = globalThis as { process?: Process };
  const onError = (event: Event): void => {
    reported.push((event as ErrorEvent).error);
    event.preventDefault();
  };
  const onException = (error: unknown): void => void reported.push(error);
  // Deno has a `process` too, but reports errors to the global object.
  const hasEvents = !("Bun" in globalThis) && "addEventListener" in globalThis;
  if (hasEvents) globalThis.addEventListener("error", onError);
  else process!.on("uncaughtException", onException);
  try {
    await run();
    await pause(2);
  } finally {
    if (hasEvents) globalThis.removeEventListener("error", onError);
    else process!.off("uncaughtException", onException);
  }
  return reported;
}
