/**
 * The `bench` task: this package beside its peers, all in one run. Only the ratios count; speeds hold for one machine
 * and moment. `--brief` measures a little of everything, to check that it works, and stores nothing.
 * `--only=fan-out,relay` measures only those, `--only=Deno` the codec there; other stored results stay.
 * `bench/results/` holds the charts, the results of each round, and in `targets.json` every ratio with its aim.
 */
import { parseArgs } from "node:util";
import { runCommand, runDeno } from "../tools/command.ts";
import { findResolution } from "../tools/resolution.ts";
import { findSizes } from "../tools/sizes.ts";
import { decodeChart, fanOutChart } from "./_charts.ts";
import { codecRows } from "./_codec_rows.ts";
import { bundleCodec, runtimes } from "./_codec_runtimes.ts";
import { keepRow, type KeptRow, type Row, showRows } from "./_row.ts";
import type { Runtime } from "./_runtimes.ts";
import { showReports } from "./_table.ts";
import { catchUpRows, raceCatchUp, showCatchUp } from "./catch_up/race.ts";
import { clientRows, raceClients, showClients } from "./clients/race.ts";
import type { CodecReport } from "./codec.ts";
import {
  fanOutRows,
  raceFanOut,
  showFanOut,
  tryFanOut,
} from "./fan_out/race.ts";
import { raceRelays, relayRows, showRelays } from "./relay/race.ts";
import {
  raceResumable,
  resumableRows,
  showResumable,
} from "./resumable/race.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    brief: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const { brief } = values;
const only = values.only?.split(",");
const everywhere: Runtime[] = ["Deno", "Node", "Bun"];

/** The result of one benchmark, as rows, as text and as files. */
interface Outcome {
  readonly rows: Row[];
  readonly text: string;
  /** Files by name. */
  readonly files: Record<string, unknown>;
}

async function codec(folder: string, names: string[]): Promise<Outcome> {
  const { jsr } = await findResolution();
  if (!jsr) console.log("Left out: @std/http: it needs JSR");
  await bundleCodec(folder, { brief, jsr });
  const reports: Record<string, CodecReport> = {};
  for (const name of names) reports[name] = await runtimes[name]!(folder);
  const all = Object.entries(reports);
  return {
    rows: all.flatMap(([name, report]) => codecRows(name, report)),
    text: showReports(reports),
    files: { "codec.json": reports, "decode.svg": decodeChart(reports) },
  };
}

async function fanOut(folder: string): Promise<Outcome> {
  const report = await (brief ? tryFanOut : raceFanOut)(folder);
  return {
    rows: fanOutRows(report),
    text: showFanOut(report),
    files: { "fan_out.json": report, "fan_out.svg": fanOutChart(report) },
  };
}

async function relay(folder: string): Promise<Outcome> {
  const results =
    await (brief
      ? raceRelays(folder, ["Deno"], RELAY.brief)
      : raceRelays(folder, everywhere, RELAY.full));
  return {
    rows: relayRows(results),
    text: showRelays(results),
    files: { "relay.json": results },
  };
}

const RELAY = {
  brief: { rounds: 1, chunks: 800, events: 200, paced: 20 },
  full: { rounds: 3, chunks: 40_000, events: 3000, paced: 200 },
};

async function catchUp(folder: string): Promise<Outcome> {
  const results = await raceCatchUp(
    folder,
    brief
      ? { rounds: 1, clients: 10, events: 500 }
      : { rounds: 3, clients: 1000, events: 10_000 },
  );
  return {
    rows: catchUpRows(results),
    text: showCatchUp(results),
    files: { "catch_up.json": results },
  };
}

async function client(folder: string): Promise<Outcome> {
  const results =
    await (brief
      ? raceClients(folder, ["Deno"], { rounds: 1, events: 500 })
      : raceClients(folder, everywhere, { rounds: 7, events: 30_000 }));
  return {
    rows: clientRows(results),
    text: showClients(results),
    files: { "client.json": results },
  };
}

async function outliving(): Promise<Outcome> {
  const results = await raceResumable(
    brief
      ? { rounds: 1, readers: 3, events: 50 }
      : { rounds: 5, readers: 20, events: 1000 },
  );
  return {
    rows: resumableRows(results),
    text: showResumable(results),
    files: { "resumable.json": results },
  };
}

/** The size of each import beside its budget. */
async function size(): Promise<Outcome> {
  const { sizes } = await findSizes();
  const rows = sizes.filter(({ budget }) => budget !== undefined)
    .map(({ name, size, budget }) => ({
      topic: "Size, minified and compressed",
      name,
      ratios: [size],
      most: budget!,
      unit: "bytes",
    }));
  return { rows, text: "", files: {} };
}

const parts: Record<string, (folder: string) => Promise<Outcome>> = {
  "fan-out": fanOut,
  "relay": relay,
  "client": client,
  "size": size,
};
const partsOnRedis: typeof parts = {
  "catch-up": catchUp,
  "resumable": outliving,
};

async function hasRedis(): Promise<boolean> {
  return (await runCommand("sh", ["-c", "command -v redis-server"])).success;
}

/** Everything that was asked for, in order. */
async function chosen(): Promise<
  [string, (folder: string) => Promise<Outcome>][]
> {
  const isChosen = (name: string) => only?.includes(name) ?? true;
  const names = Object.keys(runtimes).filter(isChosen);
  const list = names.length === 0
    ? []
    : [["codec", (folder: string) => codec(folder, names)] as const];
  const rest = Object.entries(parts).filter(([name]) => isChosen(name));
  const onRedis = Object.entries(partsOnRedis)
    .filter(([name]) => isChosen(name));
  if (onRedis.length > 0 && !await hasRedis()) {
    console.log("Left out: what needs redis-server, which is not installed");
    onRedis.length = 0;
  }
  return [...list, ...rest, ...onRedis].map(([name, part]) => [name, part]);
}

async function keep(
  results: string,
  files: Outcome["files"],
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === "string"
      ? content
      : `${JSON.stringify(content)}\n`;
    await Deno.writeTextFile(`${results}/${name}`, text);
  }
}

/** Replaces the rows of the same topics. */
async function keepRows(path: string, rows: KeptRow[]): Promise<void> {
  const topics = new Set(rows.map(({ topic }) => topic));
  let old: KeptRow[] = [];
  try {
    old = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const all = [...old.filter(({ topic }) => !topics.has(topic)), ...rows];
  await Deno.writeTextFile(path, `${JSON.stringify(all, null, 2)}\n`);
}

const folder = await Deno.makeTempDir({ prefix: "bench_" });
const results = brief ? folder : "bench/results";
const rows: KeptRow[] = [];
try {
  await Deno.mkdir(results, { recursive: true });
  for (const [name, part] of await chosen()) {
    const outcome = await part(folder);
    console.log(brief ? `${name}: it works` : outcome.text);
    rows.push(...outcome.rows.map(keepRow));
    await keep(results, outcome.files);
    await keepRows(`${results}/targets.json`, rows);
  }
  if (!brief) {
    console.log(showRows(rows));
    // Files of the repository have its format.
    await runDeno(["fmt", results]);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
