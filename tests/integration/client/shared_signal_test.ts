/** One signal that ends many streams. */
import { assertEquals } from "@std/assert";
import { runtimes, startOn } from "../../support/served.ts";

for (const name of runtimes) {
  Deno.test(`One AbortSignal ends twelve streams of each kind on ${name}, without a warning or a leaked listener`, async () => {
    const script = "tests/integration/client/shared_signal.ts";
    const process = await startOn(name, script, [], { stderr: "piped" });
    await process.ended;
    const { stdout, stderr } = process;
    assertEquals([stdout, stderr], ["12 12 12 12: 0 listeners\n", ""]);
  });
}
