import { assert, assertEquals } from "@std/assert";
import type { EventLog } from "../../src/log/log.ts";
import { Process } from "../../tools/process.ts";
import { toolPath } from "../_tools.ts";
import type { Published } from "./traffic.ts";
import type { Work } from "../integration/log_worker/process.ts";

/** The database client of a process. Names that start with `bun` run in Bun, the others in Deno. */
export type Library =
  | ("ioRedis" | "nodeRedis" | "bunRedis")
  | ("pg" | "postgresJs" | "bunSql")
  | ("nodeSqlite" | "bunSqlite");

/** The work of a process. */
export interface Load {
  publishers: number;
  /** The number of events of each publisher. Without it, they publish until {@linkcode Worker.stop}. */
  events?: number;
  followers: number;
}

/** A process that publishes to a log and follows it. */
interface Worker {
  /** Resolves when it has published everything. */
  published: Promise<void>;
  /** Stops publishing, if there is no number of events. */
  stop(): Promise<void>;
  /** The result, when the log has ended. */
  work: Promise<Work>;
}

/** Starts a process with a database client; see `log_worker/process.ts`. */
async function startWorker(
  library: Library,
  place: string,
  { publishers, events = 0, followers }: Load,
): Promise<Worker> {
  const isBun = library.startsWith("bun");
  const command = isBun ? await toolPath("bun") : Deno.execPath();
  const run = isBun ? [] : ["run", "-A", "--quiet"];
  const script =
    new URL("../integration/log_worker/process.ts", import.meta.url).pathname;
  const numbers = [publishers, events, followers].map(String);
  const process = new Process(command, [
    ...run,
    script,
    library,
    place,
    "news",
    ...numbers,
  ], { input: true });
  return {
    published: process.until(/^published\n/).then(() => {}),
    stop: () => process.endInput(),
    work: readWork(process),
  };
}

async function readWork(process: Process): Promise<Work> {
  await process.ended;
  const [, work] = process.stdout.split("\n");
  if (!work) throw new Error(`The process ended early: ${process.stdout}`);
  return JSON.parse(work);
}

/** Runs processes on the log `news` until `over` resolves, and then ends the log. */
export async function runWorkers(
  libraries: readonly Library[],
  place: string,
  load: Load,
  log: EventLog,
  over: () => Promise<void> = () => Promise.resolve(),
): Promise<Work[]> {
  const workers = await Promise.all(
    libraries.map((library) => startWorker(library, place, load)),
  );
  await over();
  for (const { stop } of workers) await stop();
  for (const { published } of workers) await published;
  await log.append([{ kind: "end", body: "" }]);
  return await Promise.all(workers.map(({ work }) => work));
}

/** Checks that every append succeeded, and that every follower received each event once and in the same order. */
export function checkAll(works: readonly Work[], count: number): void {
  const published = works.flatMap((work) => work.published);
  assertEquals(published.flatMap(({ refused }) => refused), []);
  const events = acknowledged(published);
  assertEquals(new Set(events).size, count);
  for (const followed of works.flatMap((work) => work.followed)) {
    assertEquals(followed, events);
  }
}

/** Checks that acknowledged events are stored once and refused ones at most once, in the same order for all. */
export function checkTrouble(works: readonly Work[]): void {
  const published = works.flatMap((work) => work.published);
  const refused = published.flatMap(({ refused }) => refused);
  const [events = [], ...others] = works.flatMap((work) => work.followed);
  for (const other of others) assertEquals(other, events);
  for (const [index, body] of acknowledged(published).entries()) {
    assert(body === undefined || events[index] === body, `${body} was lost`);
  }
  assertEquals(new Set(events).size, events.length);
  const known = new Set([...acknowledged(published), ...refused]);
  assertEquals([...new Set(events).difference(known)], []);
  assert(refused.length > 0, "No append was refused");
}

/** Returns the acknowledged events, each at the index of its sequence number. */
function acknowledged(published: readonly Published[]): string[] {
  const events: string[] = [];
  for (const { acknowledged } of published) {
    for (const [seq, body] of Object.entries(acknowledged)) {
      events[Number(seq) - 1] = body;
    }
  }
  return events;
}
