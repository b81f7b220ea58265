/**
 * The `test` task: runs every case in every runtime. CONTRIBUTING.md lists its options. Prints
 * failures, slow cases and totals to standard output, and the progress to standard error.
 */
import { parseArgs } from "node:util";
import { findFiles } from "../tools/files.ts";
import { Process } from "../tools/process.ts";
import { findResolution } from "../tools/resolution.ts";
import { startFixture } from "./fixture/start.ts";
import {
  findJobs,
  findPortable,
  isWithin,
  type Jobs,
  OLDEST,
} from "./runners/jobs.ts";
import type { Outcome } from "./runners/outcome.ts";
import { describeFailure, describeSlowest } from "./runners/report.ts";

const option = { type: "string" } as const;
const { values: flags, positionals: words } = parseArgs({
  args: Deno.args,
  options: {
    only: option,
    filter: option,
    seed: option,
    repeat: { type: "string", default: "1" },
    busy: { type: "string", default: "0" },
    full: { type: "boolean" },
    quick: { type: "boolean" },
    coverage: { type: "boolean" },
  },
  allowPositionals: true,
});
const isCI = Deno.env.get("CI") === "true";
const total = { passed: 0, failed: 0 };
const summaries: string[] = [];

function fail(report: string): void {
  total.failed++;
  console.log(`FAILED: ${report}`);
}

/** Reports tests that do not run. In CI this is a failure, because everything can be installed there. */
function leaveOut(what: string, why: string): void {
  if (isCI) fail(`${what}: ${why}`);
  else console.error(`Skipped: ${what}: ${why}`);
}

function checkList(): void {
  const list = Deno.readTextFileSync("tests/all.ts");
  for (const path of findPortable()) {
    const line = `import "${path.replace("tests/", "./")}";`;
    if (!list.includes(line)) fail(`tests/all.ts lacks ${line}`);
  }
}

/** Splits the arguments into paths of files or folders, and parts of case names. */
function findScope(): { paths: string[]; filter: string } {
  const files = ["tests", "cli/tests"]
    .flatMap((folder) => findFiles(folder, "_test.ts"));
  const isPath = (word: string) => files.some((path) => isWithin(path, [word]));
  const names = words.filter((word) => !isPath(word));
  const filter = flags.filter ?? names.join(" ");
  return { paths: words.filter(isPath), filter };
}

async function run(name: string, job: Jobs[string]): Promise<void> {
  const start = performance.now();
  const outcome: Outcome = await job().catch((error) => ({
    passed: 0,
    failed: 1,
    cases: [],
    report: String(error.stack),
  }));
  const { passed, failed, cases, report } = outcome;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const sum = `${name}: ${passed} passed, ${failed} failed (${seconds} s)`;
  for (const one of cases) {
    if (one.error === undefined) continue;
    console.log(describeFailure(name, one, flags.seed));
  }
  if (report !== "") console.log(`${name}: ${report}\n`);
  if (passed + failed === 0) fail(`${name} ran no case`);
  console.error(sum);
  summaries.push(`${sum}\n${describeSlowest(cases)}\n`);
  total.passed += passed;
  total.failed += failed;
}

/** Runs one job more at once than there are cores, because tests mostly wait. */
async function runAll(jobs: Jobs): Promise<void> {
  const queue = Object.entries(jobs);
  await Promise.all(
    Array.from({ length: 1 + navigator.hardwareConcurrency }, async () => {
      for (let next; (next = queue.shift()) !== undefined;) await run(...next);
    }),
  );
}

/** Returns the requested jobs. */
async function chooseJobs(folder: string, url: string): Promise<Jobs> {
  const { paths, filter } = findScope();
  const jobs = await findJobs({
    folder,
    resolution: await findResolution(),
    settings: {
      FIXTURE_URL: url,
      RIVULET_SEED: flags.seed ?? "",
      CASE_FILTER: filter,
    },
    paths,
    flags: flags.coverage ? ["--coverage"] : [],
    // One runtime of CI runs the random cases at full size.
    isFull: (name) => flags.full || (isCI && name === "deno"),
    leaveOut,
  });
  const only = flags.quick ? "deno" : flags.only;
  if (only === undefined) {
    if (isCI) return jobs;
    console.error(`Skipped: ${OLDEST}: it runs in CI and with --only`);
    delete jobs[OLDEST];
    return jobs;
  }
  const names = only.split(",");
  for (const name of names) {
    if (!(name in jobs)) fail(`There is no ${name} to run`);
  }
  return Object.fromEntries(
    Object.entries(jobs).filter(([name]) => names.includes(name)),
  );
}

async function main() {
  checkList();
  const folder = await Deno.makeTempDir({ prefix: "suite_" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const fixture = stack.use(await startFixture({ SUITE_FOLDER: folder }));
  const jobs = await chooseJobs(folder, fixture.url);
  for (let loop = Number(flags.busy); loop > 0; loop--) {
    stack.use(new Process("sh", ["-c", "while :; do :; done"]));
  }
  for (let round = Number(flags.repeat); round > 0; round--) await runAll(jobs);
}

await main().catch((error) => fail(error.stack));
console.log(summaries.join("\n"));
console.log(`${total.passed} passed, ${total.failed} failed`);
Deno.exit(total.failed === 0 ? 0 : 1);
