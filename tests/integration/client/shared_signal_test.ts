/** One signal that ends many streams. */
import { assertEquals } from "@std/assert";
import { runCommand, runDeno } from "../../../tools/command.ts";
import { toolPath } from "../../_tools.ts";

const runtimes: Record<string, () => Promise<string>> = {
  Deno: () => Promise.resolve(Deno.execPath()),
  Node: () => Promise.resolve("node"),
  Bun: () => toolPath("bun"),
};

for (const [name, find] of Object.entries(runtimes)) {
  Deno.test(`One AbortSignal ends twelve streams of each kind on ${name}, without a warning or a leaked listener`, async () => {
    const bundle = await Deno.makeTempFile({ suffix: ".mjs" });
    const built = await runDeno([
      "bundle",
      "--quiet",
      "--no-lock",
      "--platform=deno",
      `--output=${bundle}`,
      "tests/integration/client/shared_signal.ts",
    ]);
    assertEquals([built.success, built.success || built.output], [true, true]);
    const { output } = await runCommand(await find(), [bundle]);
    await Deno.remove(bundle);
    assertEquals(output.trim(), "12 12 12 12: 0 listeners");
  });
}
