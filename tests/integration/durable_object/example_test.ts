import { checkExample } from "../../support/example.ts";
import { bundle, serveWorker } from "../../support/served.ts";

Deno.test("examples/channel on a DurableObjectLog publishes, resumes after a kill and sends gaps", async () => {
  const folder = await Deno.makeTempDir({ prefix: "channel_" });
  try {
    await bundle("examples/channel/worker.ts", `${folder}/build/worker.js`);
    const config = "examples/channel/worker.capnp";
    await checkExample(() => serveWorker(config, folder), {
      outlives: true,
      tooLarge: 1_900_001,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
