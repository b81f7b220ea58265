/**
 * Measures a log on Deno KV beside the bare `kv.watch()`. Run by itself with the path of a file it publishes to the log
 * there, an event for each line of its standard input.
 */
import { DenoKvLog } from "../../src/deno_kv/mod.ts";
import { OtherProcess, publishLines } from "./other_process.ts";
import {
  age,
  compareRates,
  compareWays,
  type Effort,
  logWay,
  PADDING,
  stamped,
  type Way,
} from "./measure.ts";

/** Measures it in a file. */
export async function measureDenoKv(effort: Effort): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bench_" });
  const path = `${folder}/kv.db`;
  await compareLatency(path, effort);
  using kv = await Deno.openKv(path);
  const log = new DenoKvLog(kv, "rate");
  await compareRates(
    () => kv.atomic().set(["bare"], PADDING).commit(),
    () => log.append([{ kind: "event", body: PADDING }]),
    effort,
  );
  await Deno.remove(folder, { recursive: true });
}

async function compareLatency(path: string, effort: Effort): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  using writer = await Deno.openKv(path);
  using reader = await Deno.openKv(path);
  await using other = new OtherProcess(import.meta.url, path);
  const own = new DenoKvLog(writer, "own");
  const [from, to] = [writer, reader].map((kv) => new DenoKvLog(kv, "stores"));
  const ways = {
    "bare kv.watch(), one process": bareWay(writer, reader, signal),
    "log, one process": await logWay(own, own, signal),
    "log, two stores in one process": await logWay(from!, to!, signal),
    "log, two processes": await other.way(
      new DenoKvLog(reader, "processes"),
      signal,
    ),
    "log, two processes, pollInterval 10": await other.way(
      new DenoKvLog(reader, "processes", { pollInterval: 10 }),
      signal,
    ),
  };
  await compareWays(ways, effort);
  controller.abort();
}

function bareWay(writer: Deno.Kv, reader: Deno.Kv, signal: AbortSignal): Way {
  const delays: number[] = [];
  const changes = reader.watch<[string]>([["bare"]]).getReader();
  signal.addEventListener("abort", () => changes.cancel());
  async function read(): Promise<void> {
    for (;;) {
      const { value, done } = await changes.read();
      if (done) return;
      const [{ value: text }] = value;
      if (text !== null) delays.push(age(text));
    }
  }
  void read();
  return { publish: () => writer.set(["bare"], stamped()), delays };
}

async function publishAll(path: string): Promise<void> {
  using kv = await Deno.openKv(path);
  await publishLines(new DenoKvLog(kv, "processes"));
}

if (import.meta.main) await publishAll(Deno.args[0]!);
