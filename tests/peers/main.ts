/**
 * The `peers` task: suites of other projects, run against this package. Each folder of the argument is a checkout, named
 * as its repository; nothing in it changes. It prints which cases fail, and fails itself when they are not those that
 * `suites.ts` names.
 */
import { parseArgs } from "node:util";
import { runCommand } from "../../tools/command.ts";
import { findResolution } from "../../tools/resolution.ts";
import { runDenoTest } from "../runners/deno.ts";
import type { CaseResult } from "../runners/outcome.ts";
import { type Suite, suites } from "./suites.ts";
import { runWpt } from "./wpt.ts";

type Case = Pick<CaseResult, "name" | "error">;

const { values: flags, positionals: [root] } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string" },
  },
  allowPositionals: true,
});

/** Copies what a suite needs of a checkout, with this package in place of theirs. */
async function copySuite(
  from: string,
  folder: string,
  { folders, adapter, replace, packages = [], runner }: Suite,
): Promise<void> {
  for (const name of folders) {
    await runOrThrow("cp", ["-r", `${from}/${name}`, folder]);
  }
  const format = runner === "chromium" ? "iife" : "esm";
  const module = new URL(adapter, import.meta.url).pathname;
  await runOrThrow(Deno.execPath(), [
    ...["bundle", "--quiet", "--platform=browser", `--format=${format}`],
    ...["--output", `${folder}/rivulet.js`, module],
  ]);
  for (const [path, source] of Object.entries(replace)) {
    await Deno.writeTextFile(`${folder}/${path}`, source);
  }
  const isNode = runner === "vitest" || runner === "waffle";
  if (!isNode) return;
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
  const tools = runner === "vitest" ? ["vitest@4"] : [];
  await runOrThrow("npm", [
    ...["install", "--prefix", folder, "--no-audit", "--no-fund"],
    ...[...tools, ...packages],
  ]);
}

async function runOrThrow(command: string, args: string[]): Promise<void> {
  const { success, output } = await runCommand(command, args);
  if (!success) throw new Error(`${command} ${args.join(" ")}:\n${output}`);
}

const runners: Record<
  Suite["runner"],
  (folder: string, suite: Suite) => Promise<Case[]>
> = {
  async vitest(folder, { files, config = "" }) {
    await Deno.writeTextFile(
      `${folder}/vitest.config.mjs`,
      `const root = ${JSON.stringify(folder)};\nexport default { ${config} };`,
    );
    const output = `${folder}/cases.json`;
    const { output: text } = await runCommand("npx", [
      ...["--prefix", folder, "vitest", "run", "--root", folder, ...files],
      ...["--reporter=json", `--outputFile=${output}`],
    ]);
    const json = await Deno.readTextFile(output).catch(() => {
      throw new Error(`vitest gave no outcome:\n${text}`);
    });
    return JSON.parse(json).testResults.flatMap((
      { message, assertionResults }: VitestFile,
    ) =>
      assertionResults.length === 0
        ? [{ name: "The file", error: message }]
        : assertionResults.map(({ fullName, status, failureMessages }) => ({
          name: fullName,
          ...status === "failed" && { error: failureMessages.join("\n") },
        }))
    );
  },

  async waffle(folder, { files: [file] }) {
    const { output } = await runCommand("npx", [
      ...["--prefix", folder, "tsx", `${folder}/${file}`],
    ]);
    return readWaffle(output);
  },

  async deno(folder, { files }) {
    const { flags } = await findResolution();
    const map = flags.find((flag) => flag.endsWith(".json"));
    const args = ["--no-check", "--no-lock"];
    if (map !== undefined) args.push("--import-map", await Deno.realPath(map));
    const paths = files.map((file) => `${folder}/${file}`);
    const { cases, report } = await runDenoTest([...args, ...paths]);
    if (cases.length === 0) throw new Error(report);
    return cases;
  },

  chromium: (folder) => runWpt(folder),
};

interface VitestFile {
  message: string;
  assertionResults: {
    fullName: string;
    status: string;
    failureMessages: string[];
  }[];
}

/** Reads the output of our reporter, which replaces eventsource's. */
function readWaffle(output: string): Case[] {
  const cases = [...output.matchAll(/^@case (.*)$/gm)]
    .map(([, json]) => JSON.parse(json!));
  if (cases.length === 0) throw new Error(output);
  return cases.map(({ title, error }) => ({ name: title, error }));
}

/** Runs a suite and compares the results; returns whether they are as expected. */
async function check(name: string, suite: Suite): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "peers_" });
  try {
    await copySuite(`${root}/${name}`, folder, suite);
    const cases = await runners[suite.runner](folder, suite);
    return report(name, suite, cases);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function report(name: string, { differences }: Suite, cases: Case[]): boolean {
  const failed = cases.filter(({ error }) => error !== undefined);
  const names = new Set(failed.map(({ name }) => name));
  const expected = new Set(Object.values(differences).flat());
  const fresh = failed.filter(({ name }) => !expected.has(name));
  const gone = [...expected].filter((name) => !names.has(name));
  const passed = cases.length - failed.length;
  console.log(`${name}: ${passed} of ${cases.length} passed`);
  for (const { name, error } of fresh) {
    console.log(`  failed: ${name}\n${error?.replaceAll(/^/gm, "    ")}`);
  }
  for (const name of gone) console.log(`  no longer fails: ${name}`);
  for (const [why, names] of Object.entries(differences)) {
    console.log(`  ${names.length} differ: ${why}`);
  }
  return cases.length > 0 && fresh.length === 0 && gone.length === 0;
}

if (root === undefined) {
  throw new TypeError(
    `Cannot run peers: name the folder with their checkouts: ${
      Object.keys(suites).join(", ")
    }`,
  );
}
let isGood = true;
for (const name of flags.only?.split(",") ?? Object.keys(suites)) {
  const suite = suites[name];
  if (suite === undefined) throw new TypeError(`There is no suite ${name}`);
  if (!await check(name, suite)) isGood = false;
}
Deno.exit(isGood ? 0 : 1);
