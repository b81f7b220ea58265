import { pause } from "../tools/pause.ts";

/** An error that a case throws where the platform is to report it; a runner takes no other for a failure. */
export class ReportedError extends Error {
  readonly isExpectedOutside = true;
}

interface Process {
  on(type: "uncaughtException", listener: (error: unknown) => void): void;
  off(type: "uncaughtException", listener: (error: unknown) => void): void;
}

/** Runs a case and gives the errors that the platform reported meanwhile, each by its own way. */
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
  // Deno has a process too, but reports to the global object.
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
