import { checkExample, serveExample } from "../../support/example.ts";
import { SqliteFile } from "./sqlite_file.ts";

Deno.test("examples/channel on a SqliteLog publishes, resumes after a kill and sends gaps", async () => {
  await using file = await SqliteFile.make();
  const env = { CHANNEL_FILE: file.path };
  await checkExample(() => serveExample("channel/sqlite.ts", env), {
    outlives: true,
    tooLarge: 2 ** 26,
  });
});
