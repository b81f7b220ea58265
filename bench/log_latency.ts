/**
 * How long it takes from a publish to its arrival on each engine, and how many publishes there are in a second, beside the
 * engine's bare primitive. Ratios of one run can be compared with each other; times hold for one machine and moment.
 *
 *   deno run -A bench/log_latency.ts [--brief] [ENGINE …]
 *
 * `--brief` does a little of everything, to see that it works. It prints rows of two tables: p50, p99, both to the bare
 * primitive's, p50 of the answer to a publish; and the rates, those of the log last.
 */
import { measureDenoKv } from "./log_latency/deno_kv.ts";
import { measureDurableObject } from "./log_latency/durable_object.ts";
import type { Effort } from "./log_latency/measure.ts";
import { measureMemory } from "./log_latency/memory.ts";
import { measurePostgres } from "./log_latency/postgres.ts";
import { measureRedis } from "./log_latency/redis.ts";
import { measureSqlite } from "./log_latency/sqlite.ts";

const engines: Record<string, (effort: Effort) => Promise<void>> = {
  "memory": measureMemory,
  "deno-kv": measureDenoKv,
  "sqlite": measureSqlite,
  "redis": measureRedis,
  "postgres": measurePostgres,
  "durable-object": measureDurableObject,
};

const [flags, names] = [true, false].map((isFlag) =>
  Deno.args.filter((arg) => arg.startsWith("--") === isFlag)
) as [string[], string[]];
const effort = flags.includes("--brief")
  ? { events: 20, publishes: 200 }
  : { events: 800, publishes: 10_000 };

for (const name of names.length > 0 ? names : Object.keys(engines)) {
  const measure = engines[name];
  if (measure === undefined) throw new Error(`There is no engine ${name}`);
  console.log(`\n${name}`);
  await measure(effort);
}
