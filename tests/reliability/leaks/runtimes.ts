import { runDeno } from "../../../tools/command.ts";
import { toolPath } from "../../_tools.ts";
import { Process, startDeno } from "../../../tools/process.ts";
import type { Holdings } from "./check.ts";
import { measureChromium } from "./chromium.ts";
import { measureWorkerd } from "./workerd.ts";

/** The size of a run. */
export interface Job {
  cycles: number;
  samples: number;
  /** The names of scenarios, each with or without a leak. */
  scenarios: readonly string[];
}

/** The scenarios for the package. */
export const scenarios: readonly string[] = [
  "connect()",
  "EventSource",
  "subscribe()",
  "respond()",
  "Channel",
  "resumable()",
];

/** Connections that receive no event. */
export const failing: readonly string[] = ["refused", "aborted"];

/** The command of each runtime that runs the scenarios in one process, from its arguments and a folder for its files. */
const starts: Record<
  string,
  (args: string[], folder: string) => Promise<Process>
> = {
  Deno: (args) =>
    Promise.resolve(
      startDeno("tests/reliability/leaks/run.ts", args, {
        flags: ["--v8-flags=--expose-gc"],
      }),
    ),
  Node: async (args, folder) =>
    new Process("node", ["--expose-gc", await bundle(folder), ...args]),
  Bun: async (args, folder) =>
    new Process(await toolPath("bun"), [await bundle(folder), ...args]),
};

/** The runtimes that run all scenarios in one process. */
export const runtimes: readonly string[] = Object.keys(starts);

/** The scenarios of a runtime: a page runs only the client's, and workerd cannot subscribe without a request. */
export function scenariosOf(runtime: string): readonly string[] {
  if (runtime === "Chromium") return scenarios.slice(0, 2);
  return runtime === "workerd"
    ? scenarios.filter((name) => name !== "subscribe()")
    : [...scenarios, ...failing];
}

async function bundle(folder: string): Promise<string> {
  const output = `${folder}/run.mjs`;
  const result = await runDeno([
    "bundle",
    "--quiet",
    "--no-lock",
    "--platform=deno",
    `--output=${output}`,
    "tests/reliability/leaks/run.ts",
  ]);
  if (!result.success) throw new Error(`Cannot bundle: ${result.output}`);
  return output;
}

/** Runs the scenarios in a process of a runtime, with the peer in another, and returns what each held. */
export async function* measure(
  runtime: string,
  job: Job,
): AsyncGenerator<[scenario: string, holdings: Holdings]> {
  const folder = await Deno.makeTempDir({ prefix: "leaks_" });
  const start = starts[runtime];
  try {
    if (start !== undefined) yield* measureProcess(start, folder, job);
    else if (runtime === "workerd") yield* measureWorkerd(folder, job);
    else yield* measureChromium(folder, job);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function* measureProcess(
  start: typeof starts[string],
  folder: string,
  { cycles, samples, scenarios }: Job,
): AsyncGenerator<[scenario: string, holdings: Holdings]> {
  await using peer = startDeno("tests/reliability/leaks/peer.ts", [folder]);
  const url = await peer.line();
  const args = [`${cycles}`, `${samples}`, url, ...scenarios];
  await using process = await start(args, folder);
  for (const scenario of scenarios) {
    const holdings: Holdings[number][] = [];
    while (holdings.length < samples) {
      holdings.push(JSON.parse(await process.line()));
    }
    yield [scenario, holdings];
  }
}
