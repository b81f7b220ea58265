/**
 * The jobs of the `test` task: the suite in each runtime, the tests that need a server or browser, and the documents.
 */
import { runCommand } from "../../tools/command.ts";
import { findFiles } from "../../tools/files.ts";
import type { Resolution } from "../../tools/resolution.ts";
import { findPostgres, makeCluster } from "../integration/postgres/postgres.ts";
import { bundleSuite, copyRunners, readPlaces } from "./bundle.ts";
import { findChromium } from "./chromium.ts";
import { runDenoTest, runOldestDeno } from "./deno.ts";
import type { Outcome } from "./outcome.ts";
import { type Runtime, runtimes, type Settings } from "./runtimes.ts";

/** The job of the oldest supported Deno. It runs in CI and with `--only`. */
export const OLDEST = "oldest-deno";

/** The engine tests that take longer than half a minute, longest first. */
const LONGEST = [
  "demo/page",
  "leaks",
  "resumable",
  "types",
  "demo/runtimes",
  "suite",
  "documents",
  "package/package",
];

/** The common options of all jobs. */
export interface JobOptions {
  /** A folder for shared files. */
  folder: string;
  resolution: Resolution;
  settings: Settings;
  /** Parts of test file paths. Only matching files run; all of them if the list is empty. */
  paths: string[];
  /** Arguments for every `deno test`. */
  flags: string[];
  /** Returns whether a job runs the random cases at full size. */
  isFull(job: string): boolean | undefined;
  /** Reports tests that cannot run on this machine. */
  leaveOut(what: string, why: string): void;
}

export type Jobs = Record<string, () => Promise<Outcome>>;

/** Returns the test files of the portable suite. */
export function findPortable(): string[] {
  return findFiles("tests", "_test.ts")
    .filter((path) =>
      !/^tests\/(integration\/|interop\/|_test\.ts)/.test(path)
    );
}

/** Returns whether a path matches a word, which names a file or a folder. */
export function isWithin(path: string, words: string[]): boolean {
  return words.some((word) => {
    const name = `/${word.replace(/^\/|\/$/g, "")}`;
    return `/${path}`.includes(`${name}/`) ||
      ["", ".ts", "_test.ts"].some((end) => `/${path}`.endsWith(name + end));
  });
}

/** Returns the jobs that this machine can run, longest first. */
export async function findJobs(options: JobOptions): Promise<Jobs> {
  const { folder, settings, flags, resolution, paths, isFull } = options;
  const settingsOf = (job: string) =>
    isFull(job) ? { ...settings, RIVULET_FULL: "1" } : settings;
  const filter = settings.CASE_FILTER
    ? [`--filter=${settings.CASE_FILTER}`]
    : [];
  const deno = [...resolution.flags, ...flags, ...filter];
  // The `ok` task checks the types of the tests; those of the documents are checked here alone.
  const parallel = [...deno, "--no-check", "--parallel"];
  const select = (files: string[]) =>
    paths.length === 0 ? files : files.filter((path) => isWithin(path, paths));
  let bundling: Promise<void> | undefined;
  const bundle = async () => {
    await bundleSuite(folder, resolution.flags);
    await copyRunners(folder);
  };
  const portable: Jobs = {};
  const all: Record<string, Runtime> = {
    ...runtimes,
    [OLDEST]: (folder, settings) => runOldestDeno(folder, settings, filter),
  };
  for (const [name, runtime] of Object.entries(all)) {
    portable[name] = async () => {
      await (bundling ??= bundle());
      return mapPlaces(await runtime(folder, settingsOf(name)), folder);
    };
  }
  if (await findChromium() === undefined) {
    options.leaveOut("chromium", "it is not installed");
    delete portable.chromium;
  }
  const documents = ["mod.ts", "src", "README.md", ...findFiles("docs", ".md")];
  return {
    // These tests mostly wait, so run more files at once than there are cores.
    engines: async () => {
      const files = longestFirst(select(await findEngineTests(options)));
      const env: Record<string, string> = {
        ...settingsOf("engines"),
        DENO_JOBS: String(3 * navigator.hardwareConcurrency),
      };
      const template = files.some((path) => path.includes("/postgres/"))
        ? await makeCluster()
        : undefined;
      if (template !== undefined) env.POSTGRES_TEMPLATE = template;
      try {
        return await runDenoTest([...parallel, ...files], env);
      } finally {
        if (template) await Deno.remove(template, { recursive: true });
      }
    },
    deno: () =>
      runDenoTest([...parallel, ...select(findPortable())], {
        ...settingsOf("deno"),
        // More than the number of cores, because tests also wait.
        DENO_JOBS: String(2 * navigator.hardwareConcurrency),
      }),
    ...portable,
    docs: () => runDenoTest([...deno, "--doc", ...documents], settings),
  };
}

/** Moves the files that take longest to the start, so that none of them runs alone at the end. */
function longestFirst(files: string[]): string[] {
  const rank = (path: string) => {
    const index = LONGEST.findIndex((name) => isWithin(path, [name]));
    return index === -1 ? LONGEST.length : index;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}

function mapPlaces(outcome: Outcome, folder: string): Outcome {
  const map = readPlaces(folder);
  const cases = outcome.cases.map((one) => ({
    ...one,
    place: map(one.place),
    ...one.error !== undefined && { error: map(one.error) },
  }));
  return { ...outcome, cases };
}

/** Returns the test files that need Deno or a database, without those that cannot run on this machine. */
async function findEngineTests(
  { resolution, leaveOut }: JobOptions,
): Promise<string[]> {
  let files = ["tests/integration", "cli/tests"]
    .flatMap((folder) => findFiles(folder, "_test.ts"));
  const redis = await runCommand("sh", ["-c", "command -v redis-server"]);
  if (!redis.success) {
    leaveOut("tests/integration/redis", "redis-server is not installed");
    files = files.filter((path) => !path.includes("/redis/"));
  }
  const bouncer = await runCommand("sh", [
    "-c",
    "PATH=/usr/sbin:$PATH command -v pgbouncer",
  ]);
  if (await findPostgres() === undefined || !bouncer.success) {
    leaveOut(
      "tests/integration/postgres",
      "Postgres or PgBouncer is not installed",
    );
    files = files.filter((path) =>
      !path.includes("/postgres/") || path.includes("/pglite_")
    );
  }
  const nginx = await runCommand("sh", [
    "-c",
    "PATH=/usr/sbin:$PATH command -v nginx",
  ]);
  if (!nginx.success) {
    leaveOut("tests/integration/proxy/nginx_test.ts", "nginx is not installed");
    files = files.filter((path) => !path.endsWith("/nginx_test.ts"));
  }
  if (await findChromium() === undefined) {
    leaveOut("tests/integration/**/*page_test.ts", "Chromium is not installed");
    files = files.filter((path) => !path.endsWith("page_test.ts"));
  }
  if (resolution.jsr) {
    return [...files, ...findFiles("tests/interop", "_test.ts")];
  }
  console.error("Skipped: tests/interop: it needs @std/http from JSR");
  return files;
}
