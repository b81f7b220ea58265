import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { EventStreamError } from "../../../src/error.ts";
import type {
  AppendOptions,
  EventLog,
  LogInput,
} from "../../../src/log/log.ts";
import { type SqliteDatabase, SqliteLog } from "../../../src/sql/sqlite_mod.ts";
import { until } from "../../support/until.ts";
import { SqliteFile } from "./sqlite_file.ts";

const ALL = { entries: 10_000, bytes: 64 * 1024 * 1024 };

function events(...bodies: string[]): LogInput[] {
  return bodies.map((body) => ({ kind: "event", body }));
}

async function bodies(log: EventLog): Promise<string[]> {
  return (await log.read(0, ALL)).entries.map(({ body }) => body);
}

function count(database: DatabaseSync, table: string): number {
  const row = database.prepare(`SELECT count(*) AS n FROM ${table}`).get();
  return row!.n as number;
}

function tablesOf(database: DatabaseSync): unknown[] {
  return database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
    .all().map(({ name }) => name);
}

/** The same database, which calls `commit` for each transaction. */
function counting(database: DatabaseSync, commit: () => void): SqliteDatabase {
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        all: (...values) => statement.all(...values),
        run(...values) {
          if (sql === "COMMIT") commit();
          return statement.run(...values);
        },
      };
    },
  };
}

/** Checks that SQLite refused, and that the reason is in the error. */
async function assertRefused(
  run: () => Promise<unknown>,
  words: string,
): Promise<void> {
  const error = await assertRejects(run, EventStreamError, words);
  assertEquals(error.code, "log-unavailable");
  assertInstanceOf(error.cause, Error);
}

Deno.test("SqliteLog keeps the logs of one file apart, on one connection or several", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  for (const name of ["a", "b", "a'", "%"]) {
    await new SqliteLog(database, name).append(events(name));
  }
  for (const name of ["a", "b", "a'", "%"]) {
    assertEquals(await bodies(new SqliteLog(scene.open(), name)), [name]);
  }
});

Deno.test("read() of a file without a log writes nothing", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  assertEquals((await new SqliteLog(database, "news").read(0, ALL)).epoch, "0");
  assertEquals(tablesOf(database), []);
});

Deno.test("append() rejects tables that are not a log's, and leaves them unchanged", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  // As in a Durable Object's database.
  database.exec("CREATE TABLE rivulet_entries (seq INTEGER PRIMARY KEY)");
  const log = new SqliteLog(database, "news");
  for (const call of [() => log.append(events("a")), () => log.read(0, ALL)]) {
    await assertRefused(
      call,
      "the table rivulet_entries was not created by this package",
    );
  }
  assertEquals(tablesOf(database), ["rivulet_entries"]);
});

Deno.test("SqliteLog leaves tables of another format unchanged, and reports the format", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const log = new SqliteLog(database, "news");
  await log.append(events("a"));
  scene.open().exec("UPDATE rivulet_format SET format = 2");
  for (const each of [log, new SqliteLog(scene.open(), "news")]) {
    for (
      const call of [
        () => each.append(events("b")),
        () => each.read(0, ALL),
        () => each.expire(1),
      ]
    ) {
      await assertRefused(call, "must be of format 1: it is of format 2");
    }
  }
  assertEquals(count(database, "rivulet_entries"), 1);
});

Deno.test("append() deletes entries beyond the retention limits, at most 1000 more than it adds", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const log = new SqliteLog(database, "news");
  await log.append(events(...Array(3000).fill("x")));
  const smaller = new SqliteLog(database, "news", { maxEvents: 10 });
  const counts: number[] = [];
  for (let i = 0; i < 4; i++) {
    await smaller.append(events("y"));
    const { first, last } = await log.read(0, ALL);
    assertEquals(last - first, 9);
    counts.push(count(database, "rivulet_entries"));
  }
  assertEquals(counts, [2000, 1000, 10, 10]);
});

Deno.test("append() deletes other logs that have expired, 500 entries at a time", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const old = new SqliteLog(database, "old");
  await old.append(events(...Array(1200).fill("x")), { idempotencyKey: "k" });
  await old.expire(1);
  await until(async () => (await old.read(0, ALL)).epoch === "0");
  // A log of the same name does not wait for it.
  await old.append(events("new"));
  const log = new SqliteLog(database, "news");
  for (let i = 0; i < 4; i++) await log.append(events("y"));
  const tables = ["entries", "logs", "keys"];
  assertEquals(
    tables.map((table) => count(database, `rivulet_${table}`)),
    [5, 2, 0],
  );
  assertEquals(await bodies(old), ["new"]);
});

Deno.test("append() stores entries as they were when it was called", async () => {
  await using scene = await SqliteFile.make();
  const log = new SqliteLog(scene.open(), "news");
  const entries = [{ kind: "event" as const, body: "a" }];
  const append = log.append(entries);
  entries[0]!.body = "changed";
  entries.push({ kind: "event", body: "more" });
  assertEquals((await append).seq, 1);
  assertEquals(await bodies(log), ["a"]);
});

Deno.test("append() to several logs at once uses one transaction, and each append is applied separately", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const [a, b] = ["a", "b"].map((name) => new SqliteLog(database, name));
  await a!.append(events("0"));
  let commits = 0;
  const counted = counting(database, () => commits++);
  const [c, d] = ["a", "b"].map((name) => new SqliteLog(counted, name));
  await c!.read(0, ALL);
  commits = 0;
  const outcomes = await Promise.all([
    c!.append(events("x"), { idempotencyKey: "x" }),
    d!.append(events("x")),
    c!.append(events("x"), { idempotencyKey: "x" }),
    c!.append(events("y"), { expectedLast: 0 }),
    d!.append([{ kind: "end", body: "" }]),
    d!.append(events("z")),
  ].map((append) => append.then(({ seq }) => seq, ({ code }) => code)));
  assertEquals(outcomes, [2, 1, 2, "conflict", 2, "closed"]);
  assertEquals(commits, 1);
  assertEquals(await bodies(b!), ["x", ""]);
});

Deno.test("append() on a connection with an open transaction rejects, and leaves the transaction open", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const log = new SqliteLog(database, "news");
  await log.append(events("a"));
  database.exec("CREATE TABLE mine (a); BEGIN; INSERT INTO mine VALUES (1)");
  for (const call of [() => log.append(events("b")), () => log.read(0, ALL)]) {
    await assertRefused(call, "give the log a connection");
  }
  database.exec("COMMIT");
  assertEquals(count(database, "mine"), 1);
  await log.append(events("b"));
  assertEquals(await bodies(log), ["a", "b"]);
});

Deno.test("append() starts a new epoch when the tables were dropped", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const log = new SqliteLog(database, "news");
  const first = await log.append(events("a"));
  const tables = ["format", "logs", "entries", "keys"];
  scene.open().exec(
    tables.map((table) => `DROP TABLE rivulet_${table}`).join(";"),
  );
  // It notices by the failure of one call.
  await assertRejects(() => log.append(events("b")), EventStreamError);
  const second = await log.append(events("c"));
  assertEquals(second.seq, 1);
  assertNotEquals(second.epoch, first.epoch);
  assertEquals(await bodies(log), ["c"]);
});

Deno.test("watch() notifies of appends over the same connection without a poll", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const controller = new AbortController();
  let wakes = 0;
  new SqliteLog(database, "news").watch(() => wakes++, controller.signal);
  await new SqliteLog(database, "news").append(events("a"));
  await null;
  assertEquals(wakes, 1);
  controller.abort();
});

Deno.test("watch() notifies of appends over another connection", async () => {
  await using scene = await SqliteFile.make();
  const log = new SqliteLog(scene.open(), "news");
  const other = new SqliteLog(scene.open(), "news");
  const controller = new AbortController();
  let wakes = 0;
  log.watch(() => wakes++, controller.signal);
  for (let i = 0; i < 3; i++) {
    const before = wakes;
    await other.append(events("a"));
    await until(() => wakes > before);
  }
  controller.abort();
});

Deno.test("read() finds nothing of a half-deleted log, even when the clock goes back", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const old = new SqliteLog(database, "old");
  await old.append(events(...Array(1200).fill("x")));
  await old.expire(1);
  await until(async () => (await old.read(0, ALL)).epoch === "0");
  await new SqliteLog(database, "news").append(events("a"));
  assertEquals(count(database, "rivulet_entries"), 701);
  // As seen from an earlier time.
  database.exec("UPDATE rivulet_logs SET expiresAt = expiresAt + 600000");
  assertEquals(await bodies(old), []);
  assertEquals((await old.append(events("new"))).seq, 1);
});

Deno.test("watch() of many logs notifies only the logs that another connection has appended to", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const names = Array.from({ length: 50 }, (_, i) => `news ${i}`);
  const logs = names.map((name) => new SqliteLog(database, name));
  for (const log of logs) await log.append(events("a"));
  const controller = new AbortController();
  const wakes = new Map(names.map((name) => [name, 0]));
  for (const [i, log] of logs.entries()) {
    const name = names[i]!;
    log.watch(
      () => wakes.set(name, wakes.get(name)! + 1),
      controller.signal,
    );
  }
  // The first poll does not know what has been read.
  await until(() => names.every((name) => wakes.get(name)! > 0));
  const before = new Map(wakes);
  const other = new SqliteLog(scene.open(), "news 7");
  for (let i = 1; i <= 3; i++) {
    await other.append(events("b"));
    await until(() => wakes.get("news 7")! >= before.get("news 7")! + i);
  }
  controller.abort();
  const woken = names.filter((name) => wakes.get(name) !== before.get(name));
  assertEquals(woken, ["news 7"]);
});

Deno.test("watch() of a log with an idleTtl creates no tables", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const controller = new AbortController();
  const log = new SqliteLog(database, "news", { idleTtl: 600_000 });
  log.watch(() => {}, controller.signal);
  await log.read(0, ALL);
  controller.abort();
  await log.read(0, ALL);
  assertEquals(tablesOf(database), []);
});

Deno.test("watch() renews the idleTtl once more when it ends", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const log = new SqliteLog(database, "news", { idleTtl: 600_000 });
  const controller = new AbortController();
  log.watch(() => {}, controller.signal);
  await log.append(events("a"));
  const expiry = () =>
    database.prepare("SELECT expiresAt FROM rivulet_logs").get()!
      .expiresAt as number;
  const before = expiry();
  await until(() => Date.now() > before - 600_000);
  controller.abort();
  await until(() => expiry() > before);
});

Deno.test("watch() of many logs renews those together that are due together", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  let commits = 0;
  const counted = counting(database, () => commits++);
  const options = { idleTtl: 600_000 };
  const logs = Array.from(
    { length: 50 },
    (_, i) => new SqliteLog(counted, `news ${i}`, options),
  );
  await Promise.all(logs.map((log) => log.append(events("a"))));
  const controller = new AbortController();
  const oldest = () =>
    database.prepare("SELECT min(expiresAt) AS it FROM rivulet_logs").get()!
      .it as number;
  const [start, stop] = [
    () => logs.forEach((log) => log.watch(() => {}, controller.signal)),
    () => controller.abort(),
  ];
  for (const step of [start, stop]) {
    const before = oldest();
    await until(() => Date.now() > before - 600_000);
    commits = 0;
    step();
    await until(() => oldest() > before);
    assertEquals(commits, 1);
  }
});

Deno.test("append() rejects when the disk is full, and the log continues when there is space", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const log = new SqliteLog(database, "news");
  await log.append(events("a"));
  database.exec("PRAGMA max_page_count = 20");
  await assertRefused(
    () => log.append(events("x".repeat(200_000)), { idempotencyKey: "k" }),
    "full",
  );
  assertEquals(await bodies(log), ["a"]);
  database.exec("PRAGMA max_page_count = 2000");
  const { seq, repeated } = await log.append(events("b"), {
    idempotencyKey: "k",
  });
  assertEquals([seq, repeated], [2, undefined]);
});

Deno.test("SqliteLog also accepts integers as BigInt", async () => {
  await using scene = await SqliteFile.make();
  const database = scene.open();
  const toBigInt = (value: unknown) =>
    typeof value === "number" ? BigInt(value) : value;
  const big: SqliteDatabase = {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        run: (...values) => statement.run(...values),
        all: (...values) =>
          statement.all(...values).map((row) =>
            Object.fromEntries(
              Object.entries(row).map(([key, it]) => [key, toBigInt(it)]),
            )
          ),
      };
    },
  };
  const log = new SqliteLog(big, "news", { maxEvents: 2, maxAge: 60_000 });
  const options = { idempotencyKey: "k" };
  for (const body of ["a", "b", "c"]) await log.append(events(body));
  const { seq } = await log.append(events("d"), options);
  assertEquals((await log.append(events("d"), options)).seq, seq);
  assertEquals(
    await log.read(0, ALL),
    await new SqliteLog(database, "news").read(0, ALL),
  );
  await log.expire(1);
  await until(async () => (await log.read(0, ALL)).epoch === "0");
  assert((await log.append(events("e"))).seq === 1);
});

Deno.test("SqliteLog rejects invalid arguments", () => {
  using database = new DatabaseSync(":memory:");
  for (const wrong of [undefined, null, 5, {}, { exec() {} }]) {
    assertThrows(
      () => new SqliteLog(wrong as never, "news"),
      TypeError,
      "Cannot open log: database",
    );
  }
  for (const wrong of [undefined, 5, "\ud83d"]) {
    assertThrows(
      () => new SqliteLog(database, wrong as never),
      TypeError,
      "name",
    );
  }
  for (const wrong of ["", "a\nb", "x".repeat(257)]) {
    assertThrows(() => new SqliteLog(database, wrong), RangeError, "name");
  }
  assertThrows(
    () => new SqliteLog(database, "a", { idleTtl: 1000 }),
    RangeError,
    "idempotencyTtl",
  );
});

Deno.test("append() reports a conflict with the options that it was called with", async () => {
  await using scene = await SqliteFile.make();
  const log = new SqliteLog(scene.open(), "news");
  const options: AppendOptions = { expectedLast: 7 };
  const appending = log.append(events("a"), options);
  options.expectedLast = undefined;
  await assertRejects(() => appending, EventStreamError, "must be 7");
});
