/** Formats the report of a run. */
import { DEFAULT_SEED } from "../_settings.ts";
import type { CaseResult } from "./outcome.ts";

/** The number of slowest cases and files to show for each job. */
const SHOWN = 10;

/** Describes a failed case, with the command that runs only this case. */
export function describeFailure(
  job: string,
  { name, place, error }: CaseResult,
  seed: string | undefined,
): string {
  const path = place.replace(/(:\d+)+$/, "");
  // Portable runners load every file, and a helper that declares cases is not a test file. Use only the name then.
  const isFile = path.endsWith("_test.ts") &&
    (job === "deno" || job === "engines");
  const filter = name.replace(/ \(outside the case\)$/, "");
  const repeat = [
    "deno task test",
    `--only=${job}`,
    ...seed === undefined ? [] : [`--seed=${seed}`],
    `--filter=${quote(filter)}`,
    ...isFile ? [path] : [],
  ];
  return `FAILED in ${job}: ${name}
  file: ${place || "unknown"}
  seed: ${seed ?? DEFAULT_SEED}
  repeat: ${repeat.join(" ")}

${error?.trim()}
`;
}

/** Lists the slowest cases and files of a job. */
export function describeSlowest(cases: CaseResult[]): string {
  const files = new Map<string, number>();
  for (const { place, seconds } of cases) {
    const path = place.replace(/(:\d+)+$/, "");
    files.set(path, (files.get(path) ?? 0) + seconds);
  }
  const rows: [string, number][] = cases.map((one) => [one.name, one.seconds]);
  return `  slowest cases\n${list(rows)}\n  slowest files\n${list([...files])}`;
}

function list(rows: [name: string, seconds: number][]): string {
  return rows.sort(([, a], [, b]) => b - a).slice(0, SHOWN)
    .map(([name, seconds]) => `  ${seconds.toFixed(1).padStart(7)} s  ${name}`)
    .join("\n");
}

/** Quotes a word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
