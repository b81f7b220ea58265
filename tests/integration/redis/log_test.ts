import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { EventStreamError } from "../../../src/error.ts";
import type { EventLog, LogInput, LogPosition } from "../../../src/log/log.ts";
import * as scripts from "../../../src/redis/scripts.ts";
import {
  bunRedis,
  ioRedis,
  nodeRedis,
  type RedisClient,
  RedisLog,
  type RedisLogOptions,
  restRedis,
} from "../../../src/redis/mod.ts";
import { RedisServer } from "./redis.ts";
import { type AdaptedClient, ioRedisClient } from "./redis_clients.ts";
import { succeeds, until } from "../../support/until.ts";

const ALL = { entries: 10_000, bytes: 64 * 1024 * 1024 };
const KEY = "rivulet:{news}";

/** A log on a separate server. */
class Scene {
  readonly server: RedisServer;
  readonly client: AdaptedClient;
  readonly log: RedisLog;

  private constructor(
    server: RedisServer,
    client: AdaptedClient,
    options: RedisLogOptions,
  ) {
    this.server = server;
    this.client = client;
    this.log = new RedisLog(client.redis, "news", options);
  }

  static async open(
    options: RedisLogOptions = {},
    ...config: string[]
  ): Promise<Scene> {
    const server = await RedisServer.start(...config);
    return new Scene(server, ioRedisClient(server.port), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

function events(...bodies: string[]): LogInput[] {
  return bodies.map((body) => ({ kind: "event", body }));
}

async function bodies(log: EventLog): Promise<string[]> {
  return (await log.read(0, ALL)).entries.map(({ body }) => body);
}

/** Checks that Redis rejected the call, and that its message is passed on. */
async function assertRefused(
  run: () => Promise<unknown>,
  words: string,
): Promise<void> {
  const error = await assertRejects(run, EventStreamError, words);
  assertEquals(error.code, "log-unavailable");
  assertInstanceOf(error.cause, Error);
  assertStringIncludes(error.cause.message, words);
}

Deno.test("append(), read() and expire() do not change a key of another type", async () => {
  await using scene = await Scene.open();
  const { log, server } = scene;
  await server.command("RPUSH", KEY, "a");
  await server.command("RPUSH", `${KEY}:once`, "a");
  const other = new RedisLog(scene.client.redis, "other");
  const foreign = new RedisLog(scene.client.redis, "foreign");
  await server.command("XADD", "rivulet:{foreign}", "5-1", "epoch", "a");

  await assertRefused(() => log.append(events("a")), "WRONGTYPE");
  await assertRefused(() => log.read(0, ALL), "WRONGTYPE");
  await assertRefused(() => log.expire(1), "WRONGTYPE");
  await assertRefused(() => foreign.append(events("a")), "is not a log");
  await assertRefused(() => foreign.read(0, ALL), "is not a log");
  assertEquals(await server.command("LRANGE", KEY, "0", "-1"), "a");
  assertEquals(await server.command("TTL", KEY), "-1");
  assertEquals(await server.command("XLEN", "rivulet:{foreign}"), "1");

  await server.command("DEL", KEY);
  const once = { idempotencyKey: "once" };
  await assertRefused(() => log.append(events("a"), once), "WRONGTYPE");
  assertEquals(await server.command("EXISTS", KEY), "0");
  assertEquals(await bodies(other), []);
});

Deno.test("watch() finds unannounced appends with one command for all logs of a client", async () => {
  await using scene = await Scene.open();
  const sent: string[][] = [];
  const redis: RedisClient = {
    send(command, args, signal) {
      sent.push([command, ...args]);
      return scene.client.redis.send(command, args, signal);
    },
  };
  const stop = new AbortController();
  const woken: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const wake = () => void woken.push(name);
    new RedisLog(redis, name).watch(wake, stop.signal);
  }
  const writer = new RedisLog(scene.client.redis, "b");
  for (let i = 1; i <= 2; i++) {
    await writer.append(events(`${i}`));
    await until(() => woken.length === i);
  }
  stop.abort();
  assertEquals(woken, ["b", "b"]);
  const keys = ["a", "b", "c"].map((name) => `rivulet:{${name}}`);
  for (const [command, , ...rest] of sent) {
    assertMatch(command!, /^EVAL/);
    assertEquals(rest, ["3", ...keys]);
  }
});

Deno.test("The scripts' hashes match their texts", async () => {
  for (const script of Object.values(scripts)) {
    if (!(script instanceof scripts.Script)) continue;
    const text = new TextEncoder().encode(script.text);
    const hash = await crypto.subtle.digest("SHA-1", text);
    assertEquals(script.hash, new Uint8Array(hash).toHex());
  }
});

Deno.test("append() sends a script's text only when Redis does not have it", async () => {
  await using scene = await Scene.open();
  const sent: string[] = [];
  const redis: RedisClient = {
    send(command, args, signal) {
      sent.push(command);
      return scene.client.redis.send(command, args, signal);
    },
  };
  const log = new RedisLog(redis, "news");
  for (const body of ["a", "b"]) await log.append(events(body));
  await scene.server.command("SCRIPT", "FLUSH");
  await Promise.all(["c", "d"].map((body) => log.append(events(body))));
  await log.append(events("e"));
  assertEquals(sent.slice(0, 3), ["EVALSHA", "EVAL", "EVALSHA"]);
  // Concurrent appends are sent together.
  assertEquals(sent.slice(3), ["EVALSHA", "EVAL", "EVALSHA"]);
  assertEquals(await bodies(log), ["a", "b", "c", "d", "e"]);
});

Deno.test("append() keeps the order of calls while Redis repeatedly forgets the script", async () => {
  await using scene = await Scene.open();
  const { log, server } = scene;
  const texts = Array.from({ length: 2000 }, (_, i) => `${i}`);
  const appends: Promise<unknown>[] = [];
  for (const [i, text] of texts.entries()) {
    appends.push(log.append(events(text)));
    if (i % 400 === 0) await server.command("SCRIPT", "FLUSH");
    else if (i % 50 === 0) await null;
  }
  await Promise.all(appends);
  assertEquals(await bodies(log), texts);
});

Deno.test("append() applies each append of a batch separately", async () => {
  await using scene = await Scene.open();
  const { log } = scene;
  const outcome = (append: Promise<LogPosition>) =>
    append.then(
      ({ seq, repeated }) => repeated ? `again ${seq}` : seq,
      ({ code }: EventStreamError) => code,
    );
  const before = log.append(events("a"), { idempotencyKey: "a" });
  const outcomes = await Promise.all([
    outcome(before),
    outcome(log.append(events("a"), { idempotencyKey: "a" })),
    outcome(log.append(events("b"), { expectedLast: 0 })),
    outcome(log.append(events("b", "c"), { expectedLast: 1 })),
    outcome(log.append(events("d"), { idempotencyKey: "d" })),
    outcome(log.append([{ kind: "end", body: "" }])),
    outcome(log.append(events("e"))),
    outcome(log.append(events("d"), { idempotencyKey: "d" })),
  ]);
  assertEquals(outcomes, [
    ...[1, "again 1", "conflict", 3, 4, 5, "closed", "again 4"],
  ]);
  assertEquals(await bodies(log), ["a", "b", "c", "d", ""]);
});

Deno.test("append() limits the size of each command when calls are batched", async () => {
  await using scene = await Scene.open();
  const counts: number[] = [];
  const redis: RedisClient = {
    send(command, args, signal) {
      if (args[2] === KEY) {
        counts.push(args.filter((a) => a === "event").length);
      }
      return scene.client.redis.send(command, args, signal);
    },
  };
  const log = new RedisLog(redis, "news");
  await log.append(events("a"));
  counts.length = 0;
  const big = "x".repeat(600_000);
  const texts = [...Array(1200).fill("a"), big, big, big];
  await Promise.all(texts.map((text) => log.append(events(text))));
  assertEquals(counts, [500, 500, 201, 1, 1]);
});

Deno.test("read() and watch() work on a replica, and append() reports that the replica is read-only", async () => {
  await using scene = await Scene.open({}, "--repl-diskless-sync-delay", "0");
  const { log, server } = scene;
  await using replica = await RedisServer.start(
    ...["--replicaof", `127.0.0.1 ${server.port}`],
  );
  await using client = ioRedisClient(replica.port);
  const copy = new RedisLog(client.redis, "news");
  await until(async () =>
    (await replica.command("INFO", "REPLICATION")).includes("link_status:up")
  );
  let wakes = 0;
  const controller = new AbortController();
  copy.watch(() => wakes++, controller.signal);
  await until(() => wakes > 0);
  const before = wakes;
  const { epoch } = await log.append(events("a"));
  await until(() => wakes > before);
  const page = await copy.read(0, ALL);
  assertEquals([page.epoch, page.last], [epoch, 1]);
  await assertRefused(() => copy.append(events("b")), "READONLY");
  await assertRefused(() => copy.expire(1000), "READONLY");
  assertEquals(await bodies(log), ["a"]);
  controller.abort();
});

Deno.test("append() writes nothing when Redis is out of memory, and read() still works", async () => {
  await using scene = await Scene.open();
  const { log, server } = scene;
  await log.append(events("a"));
  await server.command("CONFIG", "SET", "maxmemory", "1");
  const options = { idempotencyKey: "once" };
  await assertRefused(() => log.append(events("b", "c"), options), "OOM");
  await assertRefused(
    () => new RedisLog(scene.client.redis, "other").append(events("b")),
    "OOM",
  );
  assertEquals(await bodies(log), ["a"]);
  assertEquals(await server.command("KEYS", "*"), KEY);
  await server.command("CONFIG", "SET", "maxmemory", "0");
  assertEquals((await log.append(events("b", "c"), options)).seq, 3);
});

Deno.test("append() of more than a Redis string holds rejects, and the log stays usable", async () => {
  await using scene = await Scene.open();
  const { log, server } = scene;
  await server.command("CONFIG", "SET", "proto-max-bulk-len", "1mb");
  await log.append(events("a"));
  const error = await assertRejects(
    () => log.append(events("b", "x".repeat(2_000_000))),
    EventStreamError,
    "Cannot append: Redis failed: ",
  );
  assertEquals(error.code, "log-unavailable");
  // Redis has closed the connection.
  const options = { idempotencyKey: "once" };
  await until(() => succeeds(log.append(events("c"), options)));
  assertEquals(await bodies(log), ["a", "c"]);
});

Deno.test("append() starts a new epoch when Redis has lost the log", async () => {
  await using scene = await Scene.open();
  const { log, server } = scene;
  const options = { idempotencyKey: "once" };
  const first = await log.append(events("a", "b"), options);
  await server.command("DEL", KEY);
  assertEquals((await log.read(0, ALL)).epoch, "0");
  const second = await log.append(events("c"), options);
  assertEquals(second.seq, 1);
  assertNotEquals(second.epoch, first.epoch);
  assertEquals(await bodies(log), ["c"]);
});

Deno.test("append() trims at once to the smaller limits of a log that is reopened", async () => {
  await using scene = await Scene.open();
  const { log, client } = scene;
  for (let i = 0; i < 4; i++) {
    await log.append(events(...Array(1000).fill("x".repeat(100))));
  }
  const smaller = new RedisLog(client.redis, "news", { maxBytes: 12_345 });
  await smaller.append(events("y"));
  const { first, last } = await log.read(0, ALL);
  assertEquals([first, last], [4001 - 123, 4001]);
});

Deno.test("append() leaves no key that outlives the log", async () => {
  await using scene = await Scene.open({ idempotencyTtl: 20 });
  const { log, server } = scene;
  await log.append(events("a"), { idempotencyKey: "once" });
  await log.expire(20);
  await until(async () => await server.command("DBSIZE") === "0");
});

Deno.test("idleTtl leaves no key in Redis", async () => {
  await using scene = await Scene.open({ idleTtl: 50, idempotencyTtl: 50 });
  await scene.log.append(events("a"), { idempotencyKey: "once" });
  await until(async () => await scene.server.command("DBSIZE") === "0");
});

Deno.test("RedisLog needs exactly the commands that its documentation lists", async () => {
  await using scene = await Scene.open();
  const { server } = scene;
  const both = ["+evalsha", "+eval", "+xrange", "+xrevrange", "+xlen", "+time"];
  const more = [
    "+xadd",
    "+xtrim",
    "+get",
    "+set",
    "+persist",
    "+pexpire",
  ];
  const keys = ["on", "nopass", "~rivulet:*", "-@all", ...both];
  const login = ["+hello", "+client", "+info"];
  await server.command("ACL", "SETUSER", "reader", ...keys, ...login);
  await server.command("ACL", "SETUSER", "writer", ...keys, ...login, ...more);
  await using reader = ioRedisClient(server.port, "reader");
  await using writer = ioRedisClient(server.port, "writer");
  const [read, write] = [reader, writer]
    .map(({ redis }) => new RedisLog(redis, "news"));
  // Who may not publish may append: it costs the others time, no event.
  await write!.append(events("a"), { idempotencyKey: "once" });
  assertEquals(await bodies(read!), ["a"]);
  await write!.expire(1000);
  await assertRefused(() => read!.append(events("b")), "can't run this");
  assertEquals(await bodies(write!), ["a"]);
});

Deno.test("read() and append() reject after the timeout with its reason", async () => {
  await using scene = await Scene.open();
  const { log, server, client } = scene;
  await log.append(events("a"));
  const hasty = new RedisLog(client.redis, "news", { timeout: 50 });
  server.pause(true);
  await assertRefused(() => hasty.read(0, ALL), "no reply within 50 ms");
  const append = () => hasty.append(events("b"));
  await assertRefused(append, "no reply within 50 ms");
  server.pause(false);
  // Nobody waited for it, and yet it is done.
  assertEquals(await bodies(log), ["a", "b"]);
});

Deno.test("watch() polls every second when the client cannot subscribe", async () => {
  await using scene = await Scene.open();
  const { send } = scene.client.redis;
  const log = new RedisLog({ send }, "news");
  const controller = new AbortController();
  const woken = new Promise<void>((resolve) =>
    log.watch(resolve, controller.signal)
  );
  await log.append(events("a"));
  await woken;
  controller.abort();
});

Deno.test("watch() polls every second when the user is not allowed to subscribe", async () => {
  await using scene = await Scene.open();
  const rights = ["on", "nopass", "~*", "resetchannels", "+@all"];
  await scene.server.command("ACL", "SETUSER", "deaf", ...rights);
  await using client = ioRedisClient(scene.server.port, "deaf");
  const log = new RedisLog(client.redis, "news");
  const controller = new AbortController();
  for (let i = 0; i < 2; i++) {
    await new Promise<void>((resolve) => log.watch(resolve, controller.signal));
  }
  controller.abort();
});

Deno.test("read() rejects when the client does not return strings", async () => {
  const send = () => Promise.resolve([new Uint8Array(1)]);
  const log = new RedisLog({ send }, "news");
  await assertRefused(() => log.read(0, ALL), "must be an array of strings");
});

Deno.test("RedisLog and its adapters reject invalid arguments", () => {
  const redis = { send: () => Promise.resolve() };
  for (
    const wrong of [undefined, null, 5, {}, { send: 5 }, {
      ...redis,
      subscribe: 5,
    }]
  ) {
    assertThrows(
      () => new RedisLog(wrong as never, "news"),
      TypeError,
      "Cannot open log: redis",
    );
  }
  for (const adapt of [ioRedis, nodeRedis, bunRedis]) {
    for (const wrong of [undefined, null, 5, {}]) {
      assertThrows(
        () => adapt(wrong as never),
        TypeError,
        "Cannot adapt client",
      );
    }
  }
  for (const wrong of ["", "no URL", "redis://127.0.0.1"]) {
    assertThrows(() => restRedis({ url: wrong, token: "t" }), TypeError, "url");
  }
  assertThrows(
    () => restRedis({ url: "http://a", token: "" }),
    TypeError,
    "token",
  );
  for (const wrong of [undefined, 5, "\ud83d"]) {
    assertThrows(() => new RedisLog(redis, wrong as never), TypeError, "name");
  }
  for (const wrong of ["", "a{b", "a}b", "a\nb", "x".repeat(257)]) {
    assertThrows(() => new RedisLog(redis, wrong), RangeError, "name");
  }
  for (const wrong of [0, 1.5, 2 ** 31]) {
    assertThrows(
      () => new RedisLog(redis, "news", { timeout: wrong }),
      RangeError,
      "timeout",
    );
  }
  assert(new RedisLog(redis, "a:b/c d"));
});
