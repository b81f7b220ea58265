/**
 * The `test` task: every case in every runtime. `--only=deno,node` runs only what is named, `--coverage` keeps the
 * coverage of the runs in Deno for `deno coverage`.
 */
import { parseArgs } from "node:util";
import { runCommand } from "../tools/command.ts";
import { findFiles } from "../tools/files.ts";
import { findResolution } from "../tools/resolution.ts";
import { startFixture } from "./fixture/start.ts";
import { findPostgres } from "./integration/_postgres.ts";
import { bundleSuite, copyRunners, mapStacks } from "./runners/bundle.ts";
import { findChromium } from "./runners/chromium.ts";
import { runDenoTest, runOldestDeno } from "./runners/deno.ts";
import type { Outcome } from "./runners/outcome.ts";
import { runtimes } from "./runners/runtimes.ts";

type Jobs = Record<string, () => Promise<Outcome>>;

const { values: flags } = parseArgs({
  args: Deno.args,
  options: { only: { type: "string" }, coverage: { type: "boolean" } },
});
const portable = findFiles("tests", "_test.ts")
  .filter((path) => !/^tests\/(integration\/|interop\/|_test\.ts)/.test(path));
const isCI = Deno.env.get("CI") === "true";
const total = { passed: 0, failed: 0 };

function fail(report: string): void {
  total.failed++;
  console.log(`FAILED: ${report}`);
}

/** Says what is not run; in CI, where everything can be installed, that is a failure. */
function leaveOut(what: string, why: string): void {
  if (isCI) fail(`${what}: ${why}`);
  else console.log(`Left out: ${what}: ${why}`);
}

function checkList(): void {
  const list = Deno.readTextFileSync("tests/all.ts");
  for (const path of portable) {
    const line = `import "${path.replace("tests/", "./")}";`;
    if (!list.includes(line)) fail(`tests/all.ts lacks ${line}`);
  }
}

/** The tests that need Deno or a database, without those for which something is missing here. */
async function findEngineTests(jsr: boolean): Promise<string[]> {
  let files = ["tests/integration", "cli/tests"]
    .flatMap((folder) => findFiles(folder, "_test.ts"));
  const redis = await runCommand("sh", ["-c", "command -v redis-server"]);
  if (!redis.success) {
    leaveOut("tests/integration/redis*", "redis-server is not installed");
    files = files.filter((path) => !path.includes("/redis"));
  }
  const bouncer = await runCommand("sh", [
    "-c",
    "PATH=/usr/sbin:$PATH command -v pgbouncer",
  ]);
  if (await findPostgres() === undefined || !bouncer.success) {
    leaveOut(
      "tests/integration/postgres*",
      "Postgres or PgBouncer is not installed",
    );
    files = files.filter((path) => !path.includes("/postgres"));
  }
  if (await findChromium() === undefined) {
    leaveOut("tests/integration/*_page_test.ts", "Chromium is not installed");
    files = files.filter((path) => !path.endsWith("_page_test.ts"));
  }
  if (jsr) return [...files, ...findFiles("tests/interop", "_test.ts")];
  console.log("Left out: tests/interop: it needs @std/http from JSR");
  return files;
}

async function findJobs(folder: string, url: string): Promise<Jobs> {
  const { jsr, flags: resolution } = await findResolution();
  await bundleSuite(folder, resolution);
  await copyRunners(folder);
  const jobs: Jobs = {};
  for (const [name, runtime] of Object.entries(runtimes)) {
    jobs[name] = () => runtime(folder, url);
  }
  if (await findChromium() === undefined) {
    leaveOut("chromium", "it is not installed");
    delete jobs.chromium;
  }
  const engineTests = await findEngineTests(jsr);
  const documents = ["mod.ts", "src", "README.md", ...findFiles("docs", ".md")];
  const options = [...resolution, ...flags.coverage ? ["--coverage"] : []];
  return {
    deno: () => runDenoTest([...options, ...portable], url),
    ...jobs,
    // Their files wait more than they work: for servers to start, leases to end, engines to be killed.
    engines: () => runDenoTest([...options, "--parallel", ...engineTests], url),
    "oldest-deno": () => runOldestDeno(folder, url),
    docs: () => runDenoTest([...options, "--doc", ...documents], url),
  };
}

async function run(name: string, job: Jobs[string], folder: string) {
  const start = performance.now();
  const { passed, failed, report } = await job().catch((error) => ({
    passed: 0,
    failed: 1,
    report: String(error.stack),
  }));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${name}: ${passed} passed, ${failed} failed (${seconds} s)`);
  if (report !== "") console.log(`\n${mapStacks(report, folder)}\n`);
  if (passed + failed === 0) fail(`${name} ran no case`);
  total.passed += passed;
  total.failed += failed;
}

async function main() {
  checkList();
  const folder = await Deno.makeTempDir({ prefix: "suite_" });
  await using fixture = await startFixture({ SUITE_FOLDER: folder });
  const jobs = await findJobs(folder, fixture.url);
  // One after another: on two cores, two at a time took as long, and each was harder to read.
  for (const name of flags.only?.split(",") ?? Object.keys(jobs)) {
    if (name === "oldest-deno" && flags.only === undefined && !isCI) {
      console.log("Left out: oldest-deno: it runs in CI and when it is named");
      continue;
    }
    const job = jobs[name];
    if (job === undefined) fail(`There is no ${name} to run`);
    else await run(name, job, folder);
  }
  await Deno.remove(folder, { recursive: true });
}

await main().catch((error) => fail(error.stack));
console.log(`${total.passed} passed, ${total.failed} failed`);
Deno.exit(total.failed === 0 ? 0 : 1);
