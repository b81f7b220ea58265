import { assertLess } from "@std/assert";
import { runDeno } from "../../../tools/command.ts";

Deno.test("respond() holds little more than the bytes of an upstream's unfinished block, however small its chunks are", async () => {
  const { stdout } = await runDeno([
    "run",
    "--no-lock",
    "--no-config",
    "--v8-flags=--expose-gc",
    "tests/support/upstream_heap.ts",
  ]);
  // 0.3 MiB of bytes. A part for each chunk would take about 60 MiB.
  assertLess(JSON.parse(stdout).held, 10);
});
