import { runCommand } from "../../tools/command.ts";
import { OLDEST_DENO, toolPath } from "../_tools.ts";
import { CASE_LIMIT, type CaseResult, type Outcome } from "./outcome.ts";

const summary = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(.*)/g;

/** Runs `deno test`, and reads its summary, the duration of each case, and the pending cases if it hangs. */
export async function runDenoTest(
  args: string[],
  env: Record<string, string> = {},
  limit: number = CASE_LIMIT,
  deno: string = Deno.execPath(),
): Promise<Outcome> {
  const file = await Deno.makeTempFile({ suffix: ".xml" });
  const { success, stdout, output } = await runCommand(deno, [
    "test",
    "-A",
    `--junit-path=${file}`,
    ...args,
  ], { env, limit });
  const cases = readCases(await Deno.readTextFile(file));
  await Deno.remove(file);
  // A case can print the summary of another run, so use the last one.
  const [, passed, failed, rest = ""] = [...stdout.matchAll(summary)].at(-1) ??
    [];
  const isReported = cases.some(({ error }) => error !== undefined);
  return {
    passed: Number(passed ?? 0),
    // Deno can fail without a failed case, for example because of a type error.
    failed: success ? 0 : Math.max(1, Number(failed ?? 0)),
    cases,
    report: success || isReported
      ? rest.match(/\d+ ignored/)?.[0] ?? ""
      : detailsOf(output),
  };
}

/**
 * Runs the suite in `folder` in the oldest supported Deno, which does not support the `test` part of our config file.
 */
export async function runOldestDeno(
  folder: string,
  env: Record<string, string>,
  flags: string[],
): Promise<Outcome> {
  const deno = await toolPath("deno", OLDEST_DENO);
  const args = ["--no-config", "--no-lock", "--no-check", ...flags];
  return runDenoTest([...args, `${folder}/suite.js`], env, CASE_LIMIT, deno);
}

function detailsOf(output: string): string {
  const details = output.match(/^ *ERRORS *$(.*)^FAILED \|/ms)?.[1] ??
    output.replaceAll(/^(.* \.\.\. ok \(.*\)|Check .*)\n/gm, "");
  return details.trim();
}

/** Parses Deno's JUnit report. */
function readCases(xml: string): CaseResult[] {
  const cases: CaseResult[] = [];
  for (
    const [, tag = "", body = ""] of xml.matchAll(
      /<testcase ([^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs,
    )
  ) {
    if (body.includes("<skipped")) continue;
    const { name = "", classname = "", time, line, col } = attributesOf(tag);
    const failure = body.match(/<failure[^>]*>(.*?)<\/failure>/s)?.[1];
    cases.push({
      name,
      place: `${classname.replace(/^\.\//, "")}:${line}:${col}`,
      seconds: Number(time),
      ...failure !== undefined && { error: decodeXml(failure) },
    });
  }
  return cases;
}

function attributesOf(tag: string): Record<string, string> {
  return Object.fromEntries(
    [...tag.matchAll(/(\w+)="([^"]*)"/g)]
      .map(([, name, value]) => [name, decodeXml(value!)]),
  );
}

const entities: Record<string, string> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
};

function decodeXml(text: string): string {
  return text.replaceAll(
    /&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi,
    (all, hex, decimal, name) =>
      name
        ? entities[name] ?? all
        : String.fromCodePoint(hex ? parseInt(hex, 16) : Number(decimal)),
  );
}
