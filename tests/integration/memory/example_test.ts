import { checkExample, serveExample } from "../../support/example.ts";

Deno.test("examples/channel on a MemoryLog publishes, and sends a gap to a client that reconnects after a restart", async () => {
  await checkExample(() => serveExample("channel/memory.ts"), {
    outlives: false,
    tooLarge: 2 ** 26,
  });
});
