import { runCommand } from "../../tools/command.ts";
import { OLDEST_DENO, toolPath } from "../_tools.ts";
import { CASE_LIMIT, type Outcome } from "./outcome.ts";

const summary = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(.*)/;

/** Runs `deno test` itself, with the fixture at `url`, and reads its summary, or which cases were under way when it went silent. */
export async function runDenoTest(
  args: string[],
  url: string,
  limit: number = CASE_LIMIT,
  deno: string = Deno.execPath(),
): Promise<Outcome> {
  const { success, output } = await runCommand(deno, ["test", "-A", ...args], {
    env: { FIXTURE_URL: url, DENO_JOBS: "3" },
    limit,
  });
  const [, passed, failed, rest = ""] = output.match(summary) ?? [];
  const details = output.match(/^ *ERRORS *$(.*)^FAILED \|/ms)?.[1] ??
    output.replaceAll(/^.* \.\.\. ok \(.*\)\n/gm, "");
  return {
    passed: Number(passed ?? 0),
    // Deno can fail without a failed case: a type error, an error outside a case.
    failed: success ? 0 : Math.max(1, Number(failed ?? 0)),
    report: success ? rest.match(/\d+ ignored/)?.[0] ?? "" : details.trim(),
  };
}

/** Runs the suite in `folder` in the oldest Deno that is supported, which refuses what our configuration says of tests. */
export async function runOldestDeno(
  folder: string,
  url: string,
): Promise<Outcome> {
  const args = ["--no-config", "--no-lock", "--no-check", `${folder}/suite.js`];
  const deno = await toolPath("deno", OLDEST_DENO);
  return runDenoTest(args, url, CASE_LIMIT, deno);
}
