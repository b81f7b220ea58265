import { checkExample } from "../../support/example.ts";
import { serveWorker } from "../../support/served.ts";

Deno.test("examples/channel on a DurableObjectLog publishes, resumes after a kill and sends gaps", async () => {
  const folder = await Deno.makeTempDir({ prefix: "channel_" });
  try {
    const config = "examples/channel/worker.capnp";
    const modules = { worker: "examples/channel/worker.ts" };
    await checkExample(() => serveWorker(config, folder, modules), {
      outlives: true,
      tooLarge: 1_900_001,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
