import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import pg from "npm:pg@8.23.1";
import { EventStreamError } from "../../../src/error.ts";
import type { EventLog, LogInput } from "../../../src/log/log.ts";
import {
  pgListener,
  type PostgresClient,
  PostgresLog,
} from "../../../src/sql/postgres_mod.ts";
import { PostgresServer } from "./postgres.ts";
import { type AdaptedClient, pgClient } from "./postgres_clients.ts";
import { until } from "../../support/until.ts";

const ALL = { entries: 10_000, bytes: 64 * 1024 * 1024 };

let server: PostgresServer;

Deno.test.beforeAll(async () => {
  server = await PostgresServer.start("fsync=off");
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** A client of a separate database. */
async function open(settings = ""): Promise<AdaptedClient & { name: string }> {
  const name = `d_${crypto.randomUUID().replaceAll("-", "")}`;
  await server.query(`CREATE DATABASE ${name} ${settings}`);
  return { name, ...pgClient(server.urlOf(name)) };
}

async function openMigrated(): ReturnType<typeof open> {
  const adapted = await open();
  await PostgresLog.migrate(adapted.client);
  return adapted;
}

function events(...bodies: string[]): LogInput[] {
  return bodies.map((body) => ({ kind: "event", body }));
}

async function bodies(log: EventLog): Promise<string[]> {
  return (await log.read(0, ALL)).entries.map(({ body }) => body);
}

async function valueOf(
  client: PostgresClient,
  expression: string,
): Promise<string> {
  const answer = await client.query(`SELECT (${expression})::text AS it`, []);
  const [row] = "rows" in answer ? answer.rows : answer;
  return (row as { it: string }).it;
}

/** Checks that Postgres refused, and that the reason is in the error. */
async function assertRefused(
  run: () => Promise<unknown>,
  words: string,
): Promise<void> {
  const error = await assertRejects(run, EventStreamError, words);
  assertEquals(error.code, "log-unavailable");
  assertInstanceOf(error.cause, Error);
}

Deno.test("migrate() installs once, however often and wherever it runs", async () => {
  await using adapted = await open();
  const { client } = adapted;
  await Promise.all(
    Array.from({ length: 8 }, () => PostgresLog.migrate(client)),
  );
  const log = new PostgresLog(client, "news");
  await log.append(events("a"));
  await PostgresLog.migrate(client);
  assertEquals(await bodies(log), ["a"]);
});

Deno.test("migrate() rejects tables that are not a log's, and leaves them unchanged", async () => {
  await using adapted = await open();
  const { client } = adapted;
  await client.query("CREATE TABLE public.mine_keys (a int)", []);
  const tables = { schema: "public", prefix: "mine_" };
  await assertRefused(
    () => PostgresLog.migrate(client, tables),
    "the table public.mine_keys was not created by this package",
  );
  assertEquals(
    await valueOf(client, "to_regclass('public.mine_logs') IS NULL"),
    "true",
  );
});

Deno.test("migrate() serializes concurrent calls at any isolation level, and for several prefixes", async () => {
  for (
    const isolation of ["read committed", "repeatable read", "serializable"]
  ) {
    await using database = await open();
    await database.client.query(
      `ALTER DATABASE ${database.name} SET default_transaction_isolation = '${isolation}'`,
      [],
    );
    await using adapted = pgClient(server.urlOf(database.name));
    const { client } = adapted;
    const prefixes = ["a_", "b_", "a_", "b_"];
    await Promise.all(
      prefixes.map((prefix) => PostgresLog.migrate(client, { prefix })),
    );
    for (const prefix of prefixes) {
      await new PostgresLog(client, "news", { prefix }).append(events("a"));
    }
  }
});

Deno.test("migrate() accepts a schema whose name is an SQL keyword", async () => {
  await using adapted = await open();
  const { client } = adapted;
  for (const schema of ["user", "select", "_"]) {
    await PostgresLog.migrate(client, { schema });
    const log = new PostgresLog(client, "news", { schema });
    await log.append(events(schema));
    assertEquals(await bodies(log), [schema]);
  }
});

Deno.test("migrate() replaces no existing function when its tables are missing", async () => {
  await using adapted = await open();
  const { client } = adapted;
  await client.query(
    "CREATE FUNCTION public.sweep() RETURNS void LANGUAGE sql AS 'SELECT 1'",
    [],
  );
  await assertRefused(
    () => PostgresLog.migrate(client, { schema: "public" }),
    "the function public.sweep exists already: drop it, or choose another",
  );
  assertEquals(
    await valueOf(client, "SELECT prosrc FROM pg_proc WHERE proname = 'sweep'"),
    "SELECT 1",
  );
  assertEquals(
    await valueOf(client, "to_regclass('public.logs') IS NULL"),
    "true",
  );
});

Deno.test("PostgresLog keeps logs of two prefixes and schemas apart", async () => {
  await using adapted = await open();
  const { client } = adapted;
  const places = [{}, { schema: "public", prefix: "a_" }, {
    schema: "public",
    prefix: "b_",
  }];
  for (const [i, place] of places.entries()) {
    await PostgresLog.migrate(client, place);
    await new PostgresLog(client, "news", place).append(events(`${i}`));
  }
  for (const [i, place] of places.entries()) {
    assertEquals(await bodies(new PostgresLog(client, "news", place)), [
      `${i}`,
    ]);
  }
});

Deno.test("PostgresLog reports that migrate() was not called", async () => {
  await using adapted = await open();
  const log = new PostgresLog(adapted.client, "news");
  for (const call of [() => log.append(events("a")), () => log.read(0, ALL)]) {
    await assertRefused(call, "call PostgresLog.migrate() first");
  }
});

Deno.test("PostgresLog leaves tables of another format unchanged, and reports the format", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const log = new PostgresLog(client, "news");
  await log.append(events("a"));
  await client.query("UPDATE rivulet.format SET format = 2", []);
  const words = "the log must be of format 1: it is of format 2";
  for (
    const call of [
      () => log.append(events("b")),
      () => log.read(0, ALL),
      () => log.expire(1),
      () => PostgresLog.migrate(client),
    ]
  ) {
    await assertRefused(call, words);
  }
  assertEquals(
    await valueOf(client, "SELECT count(*) FROM rivulet.entries"),
    "1",
  );
});

Deno.test("append() serializes concurrent appends where transactions are serializable", async () => {
  await using adapted = await openMigrated();
  const { client, name } = adapted;
  await client.query(
    `ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`,
    [],
  );
  await using a = pgClient(server.urlOf(name));
  await using b = pgClient(server.urlOf(name));
  const logs = [a, b, a, b].map(({ client }) =>
    new PostgresLog(client, "news")
  );
  await Promise.all(logs.map(async (log, writer) => {
    for (let i = 0; i < 25; i++) await log.append(events(`${writer}.${i}`));
  }));
  assertEquals(new Set(await bodies(logs[0]!)).size, 100);
});

Deno.test("append() deletes entries beyond the retention limits, at most 1000 more than it adds", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const log = new PostgresLog(client, "news");
  await log.append(events(...Array(3000).fill("x")));
  const smaller = new PostgresLog(client, "news", { maxEvents: 10 });
  const counts: number[] = [];
  for (let i = 0; i < 4; i++) {
    await smaller.append(events("y"));
    const { first, last } = await log.read(0, ALL);
    assertEquals(last - first, 9);
    counts.push(
      Number(await valueOf(client, "SELECT count(*) FROM rivulet.entries")),
    );
  }
  assertEquals(counts, [2000, 1000, 10, 10]);
});

Deno.test("append() deletes other logs that have expired, 500 entries at a time", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const old = new PostgresLog(client, "old");
  await old.append(events(...Array(1200).fill("x")), { idempotencyKey: "k" });
  await old.expire(1);
  await until(async () => (await old.read(0, ALL)).epoch === "0");
  // A log of the same name does not wait for it.
  await old.append(events("new"));
  const log = new PostgresLog(client, "news");
  for (let i = 0; i < 4; i++) await log.append(events("y"));
  assertEquals(
    await valueOf(client, "SELECT count(*) FROM rivulet.entries"),
    "5",
  );
  assertEquals(await valueOf(client, "SELECT count(*) FROM rivulet.logs"), "2");
  assertEquals(await valueOf(client, "SELECT count(*) FROM rivulet.keys"), "0");
  assertEquals(await bodies(old), ["new"]);
});

Deno.test("append() stores entries as they were when it was called", async () => {
  await using adapted = await openMigrated();
  const log = new PostgresLog(adapted.client, "news");
  const entries = [{ kind: "event" as const, body: "a" }];
  const append = log.append(entries);
  entries[0]!.body = "changed";
  entries.push({ kind: "event", body: "more" });
  assertEquals((await append).seq, 1);
  assertEquals(await bodies(log), ["a"]);
});

Deno.test("append() that conflicts creates no log", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const log = new PostgresLog(client, "news");
  await assertRejects(
    () => log.append(events("a"), { expectedLast: 4 }),
    EventStreamError,
  );
  assertEquals(await valueOf(client, "SELECT count(*) FROM rivulet.logs"), "0");
});

Deno.test("append() applies each append of a batch separately, in one call", async () => {
  await using adapted = await openMigrated();
  let calls = 0;
  const query: PostgresClient["query"] = (text, params) => {
    calls++;
    return adapted.client.query(text, params);
  };
  const log = new PostgresLog({ query }, "news");
  await log.append(events("0"));
  calls = 0;
  const outcomes = await Promise.all([
    log.append(events("a"), { idempotencyKey: "a" }),
    log.append(events("a"), { idempotencyKey: "a" }),
    log.append(events("b"), { expectedLast: 0 }),
    log.append(events("b", "c"), { expectedLast: 2 }),
    log.append([{ kind: "end", body: "" }]),
    log.append(events("e")),
  ].map((append) => append.then(({ seq }) => seq, ({ code }) => code)));
  assertEquals(outcomes, [2, 2, "conflict", 4, 5, "closed"]);
  assertEquals(calls, 1);
});

Deno.test("append() rejects after the timeout while another transaction holds the log", async () => {
  await using adapted = await openMigrated();
  const log = new PostgresLog(adapted.client, "news");
  await log.append(events("a"));
  await using other = pgClient(server.urlOf(adapted.name));
  const hold =
    "DO $$ BEGIN PERFORM FROM rivulet.logs FOR UPDATE; PERFORM pg_sleep(1); END $$";
  const holding = Promise.resolve(other.client.query(hold, []));
  await until(async () =>
    await valueOf(
      adapted.client,
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
    ) === "1"
  );
  const hasty = new PostgresLog(adapted.client, "news", { timeout: 50 });
  await assertRefused(() => hasty.append(events("b")), "no answer within");
  assertEquals(await bodies(log), ["a"]);
  await holding;
  await until(async () => (await bodies(log)).length === 2);
});

Deno.test("PostgresLog keeps any text in a database of any encoding", async () => {
  for (const encoding of ["SQL_ASCII", "LATIN1"]) {
    await using adapted = await open(
      `ENCODING '${encoding}' TEMPLATE template0`,
    );
    await PostgresLog.migrate(adapted.client);
    const log = new PostgresLog(adapted.client, "news");
    const texts = ["é 字 😀", "a\0b", "\ufeff"];
    await log.append(events(...texts), { idempotencyKey: "字\0" });
    assertEquals(await bodies(log), texts);
  }
});

Deno.test("PostgresLog needs exactly the privileges that its documents list", async () => {
  await using adapted = await openMigrated();
  const { client, name } = adapted;
  await client.query(
    `DO $$ BEGIN
      CREATE ROLE ${name}_reader LOGIN; CREATE ROLE ${name}_writer LOGIN;
      GRANT USAGE ON SCHEMA rivulet TO ${name}_reader, ${name}_writer;
      GRANT SELECT ON ALL TABLES IN SCHEMA rivulet TO ${name}_reader;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rivulet TO ${name}_writer;
    END $$`,
    [],
  );
  const url = (role: string) =>
    server.urlOf(name).replace("postgres@", `${name}_${role}@`);
  await using reader = pgClient(url("reader"));
  await using writer = pgClient(url("writer"));
  const [read, write] = [reader, writer].map(({ client }) =>
    new PostgresLog(client, "news")
  );
  await write!.append(events("a"), { idempotencyKey: "once" });
  await write!.expire(60_000);
  assertEquals(await bodies(read!), ["a"]);
  await assertRefused(() => read!.append(events("b")), "permission denied");
});

Deno.test("watch() notifies again after its connection was lost", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const log = new PostgresLog(client, "news", { pollInterval: 3_600_000 });
  const controller = new AbortController();
  let wakes = 0;
  log.watch(() => wakes++, controller.signal);
  for (let i = 0; i < 3; i++) {
    const before = wakes;
    await until(async () => {
      await log.append(events(`${i}`));
      return wakes > before;
    });
    await client.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'",
      [],
    );
  }
  controller.abort();
});

Deno.test("read() finds nothing of a half-deleted log, even when the clock goes back", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const old = new PostgresLog(client, "old");
  await old.append(events(...Array(2200).fill("x")));
  await old.expire(1);
  await until(async () => (await old.read(0, ALL)).epoch === "0");
  await new PostgresLog(client, "news").append(events("a"));
  const left = Number(
    await valueOf(client, "SELECT count(*) FROM rivulet.entries"),
  );
  assert(left > 1 && left <= 1701, `${left}`);
  // As seen from an earlier time, or by the clock of another server.
  await client.query(
    "UPDATE rivulet.logs SET expires_at = expires_at + 600000",
    [],
  );
  assertEquals(await bodies(old), []);
  assertEquals((await old.append(events("new"))).seq, 1);
});

Deno.test("watch() renews the idleTtl once more when it ends", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const log = new PostgresLog(client, "news", { idleTtl: 600_000 });
  const controller = new AbortController();
  log.watch(() => {}, controller.signal);
  await log.append(events("a"));
  const expiry = () => valueOf(client, "SELECT expires_at FROM rivulet.logs");
  const before = await expiry();
  controller.abort();
  await until(async () => Number(await expiry()) > Number(before));
});

Deno.test("watch() renews the other logs while a transaction holds one, and that one later", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const logs = ["held", "free"].map((name) =>
    new PostgresLog(client, name, { idleTtl: 12_000, idempotencyTtl: 1 })
  );
  for (const log of logs) await log.append(events("a"));
  const expiry = async (name: string) =>
    Number(
      await valueOf(
        client,
        `SELECT expires_at FROM rivulet.logs WHERE name = '${name}'`,
      ),
    );
  const [held, free] = [await expiry("held"), await expiry("free")];
  await using other = pgClient(server.urlOf(adapted.name));
  // Holds the log until this test releases the advisory lock.
  const hold = `DO $$ BEGIN
    PERFORM FROM rivulet.logs WHERE name = 'held' FOR UPDATE;
    PERFORM pg_advisory_lock(1);
  END $$`;
  const locker = new pg.Client({
    connectionString: server.urlOf(adapted.name),
  });
  await locker.connect();
  await locker.query("SELECT pg_advisory_lock(1)");
  const holding = Promise.resolve(other.client.query(hold, []));
  const waiting =
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
  await until(async () => await valueOf(client, waiting) === "1");
  const controller = new AbortController();
  for (const log of logs) log.watch(() => {}, controller.signal);
  await until(async () => await expiry("free") > free);
  assertEquals(await expiry("held"), held);
  await locker.query("SELECT pg_advisory_unlock(1)");
  await holding;
  await until(async () => await expiry("held") > held);
  controller.abort();
  await locker.end();
});

Deno.test("append() without a notification still notifies the watchers of the same client", async () => {
  await using adapted = await openMigrated();
  const { client } = adapted;
  const options = { notify: false, pollInterval: 3_600_000 };
  const log = new PostgresLog(client, "news", options);
  const controller = new AbortController();
  let wakes = 0;
  log.watch(() => wakes++, controller.signal);
  // It wakes once when it begins to listen, and once when it listens.
  await until(() => wakes === 2);
  await new PostgresLog(client, "news", options).append(events("a"));
  await until(() => wakes === 3);
  controller.abort();
});

Deno.test("pgListener() sends one query at a time, however many logs are watched", async () => {
  await using adapted = await openMigrated();
  const queries: string[] = [];
  let underWay = 0;
  let most = 0;
  const connectionString = server.urlOf(adapted.name);
  const client: PostgresClient = {
    query: adapted.client.query,
    listen: pgListener(() => {
      const own = new pg.Client({ connectionString });
      return {
        connect: () => own.connect(),
        end: () => own.end(),
        on: (event: string, listener: (message: never) => void) =>
          own.on(event, listener),
        async query(text) {
          queries.push(text);
          most = Math.max(most, ++underWay);
          await own.query(text).finally(() => underWay--);
        },
      };
    }),
  };
  const controller = new AbortController();
  const woken = new Set<number>();
  const options = { pollInterval: 3_600_000 };
  const logs = Array.from(
    { length: 20 },
    (_, i) => new PostgresLog(client, `news ${i}`, options),
  );
  for (const [i, log] of logs.entries()) {
    log.watch(() => woken.add(i), controller.signal);
  }
  await until(() => queries.some((query) => query.includes("LISTEN")));
  await until(() => underWay === 0);
  woken.clear();
  for (const log of logs) await log.append(events("a"));
  await until(() => woken.size === logs.length);
  controller.abort();
  assertEquals(most, 1);
});

Deno.test("watch() of many logs polls for all of them in one query", async () => {
  await using adapted = await openMigrated();
  let polls = 0;
  const query: PostgresClient["query"] = (text, params) => {
    if (text.includes("positions")) polls++;
    return adapted.client.query(text, params);
  };
  const client = { query };
  const controller = new AbortController();
  const woken = new Set<string>();
  const names = Array.from({ length: 20 }, (_, i) => `news ${i}`);
  const logs = names.map((name) =>
    new PostgresLog(client, name, { notify: false, pollInterval: 100 })
  );
  for (const [i, log] of logs.entries()) {
    log.watch(() => woken.add(names[i]!), controller.signal);
  }
  await using other = pgClient(server.urlOf(adapted.name));
  for (const name of names) {
    await new PostgresLog(other.client, name).append(events("a"));
  }
  await until(() => woken.size === names.length);
  controller.abort();
  assert(polls < 20, `${polls}`);
});

Deno.test("append() starts a new epoch when a standby that took over has lost commits, and keeps the rest", async () => {
  await using primary = await PostgresServer.start(
    "synchronous_commit=local",
    "wal_level=replica",
    "max_wal_senders=4",
  );
  let standby: PostgresServer | undefined;
  try {
    const before = pgClient(primary.url);
    await PostgresLog.migrate(before.client);
    const log = new PostgresLog(before.client, "news");
    const first = await log.append(events("a", "b"));
    standby = await primary.startStandby();
    await until(async () =>
      await standby!.query("SELECT last FROM rivulet.logs") === "2"
    );
    // It receives nothing from now on, without noticing.
    await standby.query("ALTER SYSTEM SET primary_conninfo = ''");
    await standby.query("SELECT pg_reload_conf()");
    await until(async () =>
      await standby!.query("SELECT count(*) FROM pg_stat_wal_receiver") === "0"
    );
    const lost = await log.append(events("lost"));
    await before[Symbol.asyncDispose]();
    await primary.kill();
    await standby.promote();
    await using after = pgClient(standby.url);
    const next = new PostgresLog(after.client, "news");
    const second = await next.append(events("c"));
    assertEquals([second.seq, lost.seq], [3, 3]);
    assertNotEquals(second.epoch, first.epoch);
    assertEquals(await bodies(next), ["a", "b", "c"]);
    // The epoch stays the same until another server takes over.
    assertEquals((await next.append(events("d"))).epoch, second.epoch);
    await primary.restart();
  } finally {
    await standby?.[Symbol.asyncDispose]();
  }
});

Deno.test("PostgresLog and pgListener() reject invalid arguments", async () => {
  const client: PostgresClient = { query: () => Promise.resolve([]) };
  for (
    const wrong of [undefined, null, 5, {}, { query: 5 }, {
      ...client,
      listen: 5,
    }]
  ) {
    assertThrows(
      () => new PostgresLog(wrong as never, "news"),
      TypeError,
      "Cannot open log: client",
    );
    await assertRejects(() => PostgresLog.migrate(wrong as never), TypeError);
  }
  for (const wrong of [undefined, 5, "\ud83d"]) {
    assertThrows(
      () => new PostgresLog(client, wrong as never),
      TypeError,
      "name",
    );
  }
  for (const wrong of ["", "a\nb", "a\0", "x".repeat(257)]) {
    assertThrows(() => new PostgresLog(client, wrong), RangeError, "name");
  }
  for (const schema of ["", "A", "a b", "a;b", 'a"', "x".repeat(64)]) {
    assertThrows(
      () => new PostgresLog(client, "a", { schema }),
      RangeError,
      "schema",
    );
    await assertRejects(
      () => PostgresLog.migrate(client, { schema }),
      RangeError,
      "schema",
    );
  }
  for (const prefix of ["A", "a b", "'", "x".repeat(33)]) {
    assertThrows(
      () => new PostgresLog(client, "a", { prefix }),
      RangeError,
      "prefix",
    );
  }
  for (const name of ["timeout", "pollInterval", "idleTtl"]) {
    for (const wrong of [0, 1.5, 2 ** 31]) {
      assertThrows(
        () => new PostgresLog(client, "a", { [name]: wrong }),
        RangeError,
        name,
      );
    }
  }
  assertThrows(
    () => new PostgresLog(client, "a", { idleTtl: 1000 }),
    RangeError,
    "idempotencyTtl",
  );
  assertThrows(() => pgListener(5 as never), TypeError, "create");
  const error = await assertRejects(
    () => new PostgresLog(client, "a").read(0, ALL),
    EventStreamError,
  );
  assertStringIncludes(error.message, "query() must resolve with rows");
});
