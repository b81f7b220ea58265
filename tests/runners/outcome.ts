/** For how many milliseconds a run of cases may tell of no case that has ended: no case takes so long. */
export const CASE_LIMIT = 200_000;

/** What one run of cases came to. */
export interface Outcome {
  passed: number;
  failed: number;
  /** Every failure with its name and stack; empty when there is none. */
  report: string;
}

interface Line {
  start?: string;
  end?: string;
  error?: string;
  done?: boolean;
}

const mark = "@case ";

/** Reads what `run_cases.js` wrote; anything else in the output is shown only when the run broke off. */
export function readOutcome(output: string): Outcome {
  const lines = output.split("\n");
  const events: Line[] = lines.filter((line) => line.startsWith(mark))
    .map((line) => JSON.parse(line.slice(mark.length)));
  const ends = events.filter(({ end }) => end !== undefined);
  const failures = ends.filter(({ error }) => error !== undefined)
    .map(({ end, error }) => `${end}\n${error}\n`);
  const passed = ends.length - failures.length;
  if (!events.at(-1)?.done) {
    const last = events.findLast(({ start }) => start !== undefined);
    const rest = lines.filter((line) => !line.startsWith(mark)).join("\n");
    failures.push(`${last?.start ?? "The run"} broke off\n${rest}\n`);
  }
  return { passed, failed: failures.length, report: failures.join("\n") };
}
