import { checkExample, serveExample } from "../../support/example.ts";

Deno.test("examples/channel on a SqliteLog publishes, resumes after a kill and sends gaps", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sqlite_" });
  const env = { CHANNEL_FILE: `${folder}/events.db` };
  await checkExample(() => serveExample("channel/sqlite.ts", env), {
    outlives: true,
    tooLarge: 2 ** 26,
  });
  await Deno.remove(folder, { recursive: true });
});
