import { runCommand } from "../../../tools/command.ts";
import { RedisLog } from "../../../src/redis/mod.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { toolPath } from "../../_tools.ts";
import { RedisServer } from "./redis.ts";
import {
  type AdaptedClient,
  ioRedisClient,
  nodeRedisClient,
  type RestBridge,
  restRedisClient,
  startRestBridge,
} from "./redis_clients.ts";
import { fromOutcome, type Outcome } from "../durable_object/outcome.ts";

let server: RedisServer;
let bridge: RestBridge;
let outcomes: Outcome[];

Deno.test.beforeAll(async () => {
  server = await RedisServer.start();
  bridge = await startRestBridge(server.port);
  outcomes = await runInBun(server.url);
});
Deno.test.afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const adapters: Record<string, () => AdaptedClient> = {
  ioRedis: () => ioRedisClient(server.port),
  nodeRedis: () => nodeRedisClient(server.url),
  restRedis: () => restRedisClient(bridge),
};

for (const [adapter, connect] of Object.entries(adapters)) {
  const tests = testEventLog(`RedisLog with ${adapter}()`, (options) => {
    const name = crypto.randomUUID();
    const clients: AdaptedClient[] = [];
    return Promise.resolve({
      open() {
        const client = connect();
        clients.push(client);
        return new RedisLog(client.redis, name, options);
      },
      async close() {
        for (const client of clients) await client[Symbol.asyncDispose]();
      },
    });
  });
  for (const { name, run } of tests) Deno.test(name, run);
}

// The cases are declared here and run there, where the client is.
const tests = testEventLog("RedisLog with bunRedis()", () => {
  throw new Error("Bun's client is not in this process");
});
for (const [index, { name }] of tests.entries()) {
  Deno.test(name, () => fromOutcome<void>(outcomes[index]!));
}

async function runInBun(url: string): Promise<Outcome[]> {
  const script = new URL("./bun_suite.ts", import.meta.url).pathname;
  const { stdout, output } = await runCommand(await toolPath("bun"), [
    script,
    url,
  ]);
  const lines = stdout.trim().split("\n");
  if (lines.length !== tests.length) throw new Error(output);
  return lines.map((line) => JSON.parse(line));
}
