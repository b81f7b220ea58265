/** The cases for any log, with Bun's own client: `bun bun_suite.ts URL`. It prints a line of JSON for each. */
import {
  bunRedis,
  type BunRedisClient,
  RedisLog,
} from "../../../src/redis/mod.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { toOutcome } from "../durable_object/outcome.ts";

declare const Bun: {
  argv: string[];
  RedisClient: new (url: string) => BunRedisClient;
};

const tests = testEventLog("", (options) => {
  const name = crypto.randomUUID();
  const clients: BunRedisClient[] = [];
  return Promise.resolve({
    open() {
      const client = new Bun.RedisClient(Bun.argv[2]!);
      clients.push(client);
      return new RedisLog(bunRedis(client), name, options);
    },
    close() {
      for (const client of clients) client.close();
      return Promise.resolve();
    },
  });
});

for (const { run } of tests) {
  console.log(JSON.stringify(await toOutcome(run)));
}
