/**
 * The `resumable:starts` task: requests the same new stream from two processes at the same time, 1,000 times on each log that
 * several processes can share, or as often as `--tries` says. Each stream must have one producer.
 */
import { runDeno } from "../../../tools/command.ts";
import { findResolution } from "../../../tools/resolution.ts";
import { readOptions } from "../../support/options.ts";

const { tries } = readOptions({ tries: 1000 });
const { flags } = await findResolution();
const logs = ["sqlite", "deno_kv", "redis", "postgres", "durable_object"];
const files = logs.map((log) => `tests/integration/${log}/resumable_test.ts`);
const filter = ["--filter", "/starts one producer/"];
const { success, output } = await runDeno(
  ["test", "-A", ...flags, ...filter, ...files],
  { env: { RESUMABLE_TRIES: String(tries) }, limit: 3_600_000 },
);
console.log(output);
Deno.exit(success ? 0 : 1);
