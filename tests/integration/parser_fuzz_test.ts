import { assertStringIncludes } from "@std/assert";
import { runDeno } from "../../tools/command.ts";

Deno.test("The fuzz task continues from a given seed, on every core, and reports what agreed", async () => {
  const args = ["--seed=7", "--from=3000", "--count=45000", "--workers=2"];
  const { success, output } = await runDeno([
    "task",
    "--quiet",
    "fuzz",
    ...args,
  ]);
  if (!success) throw new Error(output);
  assertStringIncludes(output, "Inputs 3000 to 45000 of --seed=7");
  assertStringIncludes(output, "45000 of 45000 inputs agree");
  assertStringIncludes(output, "--seed=7 --from=45000");
});
