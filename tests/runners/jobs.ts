/** The jobs of the `test` task: one suite in five runtimes, the tests that need a server or a browser, the documents. */
import { runCommand } from "../../tools/command.ts";
import { findFiles } from "../../tools/files.ts";
import type { Resolution } from "../../tools/resolution.ts";
import { findPostgres, makeCluster } from "../integration/postgres/postgres.ts";
import { bundleSuite, copyRunners, readPlaces } from "./bundle.ts";
import { findChromium } from "./chromium.ts";
import { runDenoTest, runOldestDeno } from "./deno.ts";
import type { Outcome } from "./outcome.ts";
import { type Runtime, runtimes, type Settings } from "./runtimes.ts";

/** The job of the oldest Deno, which runs in CI and when it is named. */
export const OLDEST = "oldest-deno";

/** What the jobs of a run have in common. */
export interface JobOptions {
  /** A folder for what they share. */
  folder: string;
  resolution: Resolution;
  settings: Settings;
  /** Parts of the paths of test files, of which others are left out; all when there is none. */
  paths: string[];
  /** Arguments for every `deno test`. */
  flags: string[];
  /** Tells whether a job takes the random cases at full size. */
  isFull(job: string): boolean | undefined;
  /** Reports what cannot be run here. */
  leaveOut(what: string, why: string): void;
}

export type Jobs = Record<string, () => Promise<Outcome>>;

/** The files of the suite that runs in every runtime. */
export function findPortable(): string[] {
  return findFiles("tests", "_test.ts")
    .filter((path) =>
      !/^tests\/(integration\/|interop\/|_test\.ts)/.test(path)
    );
}

/** Tells whether a path lies in one of the folders, or is one of the files, that the words name. */
export function isWithin(path: string, words: string[]): boolean {
  return words.some((word) => {
    const name = `/${word.replace(/^\/|\/$/g, "")}`;
    return `/${path}`.includes(`${name}/`) ||
      ["", ".ts", "_test.ts"].some((end) => `/${path}`.endsWith(name + end));
  });
}

/** All jobs that this machine can run, the longest first. */
export async function findJobs(options: JobOptions): Promise<Jobs> {
  const { folder, settings, flags, resolution, paths, isFull } = options;
  const settingsOf = (job: string) =>
    isFull(job) ? { ...settings, RIVULET_FULL: "1" } : settings;
  const filter = settings.CASE_FILTER
    ? [`--filter=${settings.CASE_FILTER}`]
    : [];
  const deno = [...resolution.flags, ...flags, ...filter];
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
    // Their files wait more than they work: for servers to start, leases to end, engines to be killed.
    engines: async () => {
      const files = select(await findEngineTests(options));
      const env: Record<string, string> = {
        ...settingsOf("engines"),
        DENO_JOBS: "4",
      };
      const template = files.some((path) => path.includes("/postgres/"))
        ? await makeCluster()
        : undefined;
      if (template !== undefined) env.POSTGRES_TEMPLATE = template;
      try {
        return await runDenoTest([...deno, "--parallel", ...files], env);
      } finally {
        if (template) await Deno.remove(template, { recursive: true });
      }
    },
    ...portable,
    docs: () => runDenoTest([...deno, "--doc", ...documents], settings),
    deno: () =>
      runDenoTest([...deno, ...select(findPortable())], {
        ...settingsOf("deno"),
        // With --parallel: more than there are cores, since files also wait.
        DENO_JOBS: String(2 * navigator.hardwareConcurrency),
      }),
  };
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

/** The tests that need Deno or a database, without those for which something is missing here. */
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
  console.error("Left out: tests/interop: it needs @std/http from JSR");
  return files;
}
