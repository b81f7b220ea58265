/** Milliseconds without a finished case after which a run has failed. No case takes this long. */
export const CASE_LIMIT = 200_000;

/** The result of a case. */
export interface CaseResult {
  name: string;
  /** The position in the source, or in the bundle, which {@linkcode readPlaces} maps to the source. */
  place: string;
  seconds: number;
  /** The message and stack of a failed case. */
  error?: string;
}

/** The outcome of a run. */
export interface Outcome {
  passed: number;
  failed: number;
  cases: CaseResult[];
  /** Errors outside of the cases, or the number of ignored cases. */
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

/** Parses the output of `run_cases.js`. Other output is shown only if the run ended early. */
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
    const error = `${name} ended early\n${rest}`;
    cases.push({ name, place: "", seconds: 0, error });
  }
  const failed = cases.filter(({ error }) => error !== undefined).length;
  return { passed: cases.length - failed, failed, cases, report: "" };
}
