import { assertGreater, assertLess } from "@std/assert";

Deno.test("MemoryLog lets texts go from memory when they are trimmed", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-lock",
      "--no-config",
      "--v8-flags=--expose-gc",
      new URL("../../support/memory_heap.ts", import.meta.url).href,
    ],
    stderr: "inherit",
  }).output();
  const { full, trimmed } = JSON.parse(new TextDecoder().decode(stdout));
  // What is to be kept is there, so the measure is one: 100 MiB, and not 400.
  assertGreater(full, 95);
  assertLess(full, 150);
  assertLess(trimmed, 20);
});
