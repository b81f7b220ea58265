/** For how many milliseconds a run of cases may report no case that has ended: no case takes so long. */
export const CASE_LIMIT = 200_000;

/** One case that has run. */
export interface CaseResult {
  name: string;
  /** The file that declares it, or a place in the bundle that {@linkcode readPlaces} turns into one. */
  place: string;
  seconds: number;
  /** The message and the stack of a case that failed. */
  error?: string;
}

/** The outcome of one run of cases. */
export interface Outcome {
  passed: number;
  failed: number;
  cases: CaseResult[];
  /** What failed outside of every case, or how many cases were ignored. */
  report: string;
}

interface Line {
  start?: string;
  end?: string;
  error?: string;
  place?: string;
  seconds?: number;
  done?: boolean;
}

const mark = "@case ";

/** Reads what `run_cases.js` wrote; anything else in the output is shown only when the run broke off. */
export function readOutcome(output: string): Outcome {
  const lines = output.split("\n");
  const events: Line[] = lines.filter((line) => line.startsWith(mark))
    .map((line) => JSON.parse(line.slice(mark.length)));
  const cases: CaseResult[] = [];
  for (const { end, error, place = "", seconds = 0 } of events) {
    if (end === undefined) continue;
    cases.push({ name: end, place, seconds, ...error && { error } });
  }
  if (!events.at(-1)?.done) {
    const last = events.findLast(({ start }) => start !== undefined);
    const rest = lines.filter((line) => !line.startsWith(mark)).join("\n");
    const name = last?.start ?? "The run";
    const error = `${name} broke off\n${rest}`;
    cases.push({ name, place: "", seconds: 0, error });
  }
  const failed = cases.filter(({ error }) => error !== undefined).length;
  return { passed: cases.length - failed, failed, cases, report: "" };
}
