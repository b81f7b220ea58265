import { RedisServer } from "../../tests/integration/redis/redis.ts";
import { costOf } from "../_cost.ts";
import { median } from "../_numbers.ts";
import { Process } from "../../tools/process.ts";
import type { Row } from "../_row.ts";
import { bundleScript, start } from "../_runtimes.ts";

/** The cost until all clients had caught up. */
export interface CatchUpResult {
  readonly name: string;
  readonly clients: number;
  readonly events: number;
  readonly milliseconds: number;
  /** Seconds of the server's processor time. */
  readonly cpu: number;
  /** The number of reads of the log. */
  readonly reads: number;
  /** The number of calls to Redis, if it keeps the log. */
  readonly commands: number | undefined;
}

/** The number of clients that connect at once, and the events each has missed. */
export interface CatchUpEffort {
  readonly rounds: number;
  readonly clients: number;
  readonly events: number;
}

/** Measures a channel in memory and in Redis beside a server that has the bytes in memory. */
export async function raceCatchUp(
  folder: string,
  { rounds, clients, events }: CatchUpEffort,
): Promise<CatchUpResult[]> {
  const bundle = await bundleScript(folder, "catch_up/server.ts");
  const results: CatchUpResult[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const name of ["memory", "redis", "bare"]) {
      await using redis = name === "redis"
        ? await RedisServer.start()
        : undefined;
      const args = [name, events, ...redis === undefined ? [] : [redis.port]];
      await using server = await start("Deno", bundle, ...args);
      const url = `http://127.0.0.1:${await server.line()}`;
      results.push(await measure(name, url, clients, events, redis));
    }
  }
  return results;
}

async function measure(
  name: string,
  url: string,
  clients: number,
  events: number,
  redis: RedisServer | undefined,
): Promise<CatchUpResult> {
  const { port } = new URL(url);
  const [costBefore, callsBefore] = [await costOf(url), await callsOf(redis)];
  await using listeners = new Process(Deno.execPath(), [
    "run",
    "-A",
    "bench/_listeners.ts",
    port,
    "/?lastEventId=0-0",
    String(clients),
    String(events),
  ]);
  await listeners.line();
  const milliseconds = Number((await listeners.line()).split(" ")[0]);
  const [cost, calls] = [await costOf(url), await callsOf(redis)];
  const reads = Number(await (await fetch(`${url}/reads`)).text());
  return {
    name,
    clients,
    events,
    milliseconds,
    cpu: cost.cpu - costBefore.cpu,
    reads,
    commands: calls === undefined ? undefined : calls - callsBefore!,
  };
}

/** The commands sent to Redis, without those that scripts call. */
async function callsOf(
  redis: RedisServer | undefined,
): Promise<number | undefined> {
  if (redis === undefined) return undefined;
  const stats = await redis.command("INFO", "commandstats");
  const calls = /^cmdstat_(?:evalsha|eval|subscribe|ssubscribe):calls=(\d+)/gm;
  return Array.from(stats.matchAll(calls), ([, count]) => Number(count))
    .reduce((sum, count) => sum + count, 0);
}

/** The maximum number of events in one read of a channel. */
const RANGE = 1000;

/** Compares the results with the aims. */
export function catchUpRows(results: readonly CatchUpResult[]): Row[] {
  const by = Object.groupBy(results, ({ name }) => name);
  const { clients, events } = results[0]!;
  const ranges = Math.ceil(events / RANGE);
  const title = `${clients} clients, ${events} events behind`;
  return ["memory", "redis"].flatMap((name) => {
    const own = by[name]!;
    const compare = (key: "milliseconds" | "cpu") =>
      own.map((result, round) => result[key] / by.bare![round]![key]);
    const rows: Row[] = [
      {
        name: `${title}, ${name}: reads of the log for each range`,
        ratios: own.map(({ reads }) => reads / ranges),
        most: 2,
      },
      {
        name: `${title}, ${name}: time / bytes at hand`,
        ratios: compare("milliseconds"),
      },
      {
        name: `${title}, ${name}: CPU / bytes at hand`,
        ratios: compare("cpu"),
      },
    ].map((row) => ({ topic: "Catch-up", ...row }));
    if (name === "memory") return rows;
    return [...rows, {
      topic: "Catch-up",
      name: `${title}, ${name}: commands sent for each range`,
      ratios: own.map(({ commands }) => commands! / ranges),
      most: 2,
    }];
  });
}

/** Shows the raw results. */
export function showCatchUp(results: readonly CatchUpResult[]): string {
  const by = Object.groupBy(results, ({ name }) => name);
  const lines = Object.entries(by).map(([name, all = []]) => {
    const { clients, events, commands } = all[0]!;
    const time = median(all.map(({ milliseconds }) => milliseconds));
    const cpu = median(all.map((result) => result.cpu));
    const reads = median(all.map((result) => result.reads));
    const sent = commands === undefined ? "" : `, ${commands} commands`;
    return `  ${name}: ${clients} clients × ${events} events in ${
      (time / 1000).toFixed(2)
    } s, ${cpu.toFixed(2)} s of CPU, ${reads} reads${sent}`;
  });
  return ["\nCatch-up, all at once", ...lines].join("\n");
}
