import { checkExample, serveExample } from "../../support/example.ts";
import { KvFile } from "./fixture.ts";

Deno.test("examples/channel on a DenoKvLog publishes, resumes after a kill and sends gaps", async () => {
  await using file = await KvFile.make();
  const env = { CHANNEL_KV: file.path };
  await checkExample(() => serveExample("channel/deno_kv.ts", env), {
    outlives: true,
    tooLarge: 720 * 1024,
  });
});
