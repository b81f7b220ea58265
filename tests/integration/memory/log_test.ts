import { assertGreater, assertLess } from "@std/assert";
import { runDeno } from "../../../tools/command.ts";

Deno.test("MemoryLog releases the memory of trimmed events", async () => {
  const { stdout } = await runDeno([
    "run",
    "--no-lock",
    "--no-config",
    "--v8-flags=--expose-gc",
    "tests/support/memory_heap.ts",
  ]);
  const { full, trimmed } = JSON.parse(stdout);
  // What is to be kept is there, so the measure is one: 100 MiB, and not 400.
  assertGreater(full, 95);
  assertLess(full, 150);
  assertLess(trimmed, 20);
});
