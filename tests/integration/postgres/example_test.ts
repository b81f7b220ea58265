import { checkExample, serveExample } from "../../support/example.ts";
import { PostgresServer } from "./postgres.ts";

Deno.test("examples/channel on a PostgresLog publishes, resumes after a kill and sends gaps", async () => {
  await using postgres = await PostgresServer.start();
  const env = { DATABASE_URL: postgres.url };
  await checkExample(() => serveExample("channel/postgres.ts", env), {
    outlives: true,
    tooLarge: 2 ** 26,
  });
});
