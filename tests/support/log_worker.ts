import { assert, assertEquals } from "@std/assert";
import type { EventLog } from "../../src/log/log.ts";
import { Process, startDeno } from "../../tools/process.ts";
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
  /** The number of events of each publisher. Without it, they publish until their input ends. */
  events?: number;
  followers: number;
}

/** Starts a process with a database client; see `log_worker/process.ts`. */
async function startWorker(
  library: Library,
  place: string,
  { publishers, events = 0, followers }: Load,
): Promise<Process> {
  const script = "tests/integration/log_worker/process.ts";
  const args = [script, library, place, "news", publishers, events, followers];
  return library.startsWith("bun")
    ? new Process(await toolPath("bun"), args.map(String), { input: true })
    : startDeno(script, args.slice(1), { input: true });
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
  for (const worker of workers) await worker.endInput();
  // Each prints a line when it has published everything, and another one at the end of the log.
  for (const worker of workers) await worker.line();
  await log.append([{ kind: "end", body: "" }]);
  return await Promise.all(workers.map(async (worker) => {
    await worker.ended;
    return JSON.parse(await worker.line());
  }));
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
