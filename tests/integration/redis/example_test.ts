import { assertEquals } from "@std/assert";
import { checkExample, publish, serveExample } from "../../support/example.ts";
import { RedisServer } from "./redis.ts";
import { succeeds, until } from "../../support/until.ts";

Deno.test("examples/channel on a RedisLog publishes, resumes after a kill and sends gaps", async () => {
  await using redis = await RedisServer.start();
  const env = { REDIS_URL: redis.url };
  await checkExample(() => serveExample("channel/redis.ts", env), {
    outlives: true,
    tooLarge: 2 ** 26,
  });
});

Deno.test("examples/channel asks clients to retry while its engine is unavailable", async () => {
  await using redis = await RedisServer.start();
  await using app = await serveExample("channel/redis.ts", {
    REDIS_URL: redis.url,
  });
  await publish(app, "a");
  await redis.kill();
  const response = await fetch(app.url, { method: "POST", body: "b" });
  assertEquals([response.status, await response.text()], [503, "Try again"]);
  await redis.restart();
  await until(() => succeeds(publish(app, "b", "once")));
});
