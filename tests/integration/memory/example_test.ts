import { checkExample, serveExample } from "../../support/example.ts";

Deno.test("examples/channel on a MemoryLog publishes, and tells who comes back after a restart", async () => {
  await checkExample(() => serveExample("channel/memory.ts"), {
    outlives: false,
    tooLarge: 2 ** 26,
  });
});
