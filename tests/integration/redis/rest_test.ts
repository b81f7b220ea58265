import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Redis } from "npm:@upstash/redis@1.39.0";
import { EventStreamError } from "../../../src/error.ts";
import { RedisLog, restRedis } from "../../../src/redis/mod.ts";
import { RedisServer } from "./redis.ts";
import { startRestBridge } from "./redis_clients.ts";

const ONE = { entries: 1, bytes: 1 };

Deno.test("The test server that emulates Upstash works with Upstash's client", async () => {
  await using server = await RedisServer.start();
  await using bridge = await startRestBridge(server.port);
  const redis = new Redis({
    url: String(bridge.url),
    token: bridge.token,
    retry: false,
    enableAutoPipelining: false,
    automaticDeserialization: false,
    keepAlive: false,
  });
  assertEquals(await redis.set("key", "ü"), "OK");
  assertEquals(await redis.get("key"), "ü");
  assertEquals(
    await redis.eval("return {KEYS[1], ARGV[1], 5}", ["a"], ["b"]),
    ["a", "b", 5],
  );
  await assertRejects(() => redis.evalsha("0", [], []), Error, "NOSCRIPT");

  const subscriber = redis.subscribe("news");
  await new Promise((resolve) => subscriber.on("subscribe", resolve));
  const message = new Promise((resolve) => subscriber.on("message", resolve));
  assertEquals(await redis.publish("news", "hello"), 1);
  assertEquals(await message, { channel: "news", message: "hello" });
  await subscriber.unsubscribe();
});

Deno.test("restRedis() reports a response that is not a result", async () => {
  await using server = await RedisServer.start();
  await using bridge = await startRestBridge(server.port);
  const answers: Record<string, () => Response> = {
    "/page": () => new Response("<h1>Bad gateway</h1>", { status: 502 }),
    "/nothing": () => Response.json({}),
    "/null": () => Response.json(null),
  };
  await using other = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => answers[new URL(request.url).pathname.slice(0, -1)]!(),
  );
  const url = `http://127.0.0.1:${other.addr.port}`;
  const cases = [
    [String(bridge.url), "Unauthorized"],
    [`${url}/page`, 'received status 502 and "<h1>Bad gateway</h1>"'],
    [`${url}/nothing/`, 'received status 200 and "{}"'],
    [`${url}/null/`, 'received status 200 and "null"'],
  ] as const;
  for (const [url, words] of cases) {
    const log = new RedisLog(restRedis({ url, token: "wrong" }), "news");
    const error = await assertRejects(
      () => log.read(0, ONE),
      EventStreamError,
    );
    assertEquals(error.code, "log-unavailable");
    assertInstanceOf(error.cause, Error);
    assertStringIncludes(error.cause.message, words);
  }
});

Deno.test("restRedis() aborts a request whose answer is no longer needed", async () => {
  let gone = () => {};
  const aborted = new Promise<void>((resolve) => gone = resolve);
  await using silent = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      request.signal.addEventListener("abort", gone);
      return new Promise<Response>((resolve) =>
        aborted.then(() => resolve(new Response()))
      );
    },
  );
  const url = `http://127.0.0.1:${silent.addr.port}`;
  const redis = restRedis({ url, token: "any" });
  const log = new RedisLog(redis, "news", { timeout: 50 });
  await assertRejects(() => log.read(0, ONE), EventStreamError, "50 ms");
  await aborted;
});
