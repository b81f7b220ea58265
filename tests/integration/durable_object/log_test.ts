import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  durableChannel,
  DurableObjectLog,
} from "../../../src/durable_object/mod.ts";
import { EventStreamError } from "../../../src/error.ts";
import type {
  AppendOptions,
  LogInput,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../../../src/log/log.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { call } from "./outcome.ts";

const ALL = { entries: 10_000, bytes: 64 * 1024 * 1024 };

interface State {
  alarm: number | null;
  alarms: number;
  wakes: number;
  now: number;
}

let workerd: Workerd;
let objects = 0;

Deno.test.beforeAll(async () => {
  workerd = await Workerd.start({
    worker: "tests/integration/durable_object/log_worker.ts",
    classes: {
      LogObject: { sql: true },
      AlarmlessObject: { sql: true },
      KeyValueObject: { sql: false },
    },
  });
});
Deno.test.afterAll(() => workerd[Symbol.asyncDispose]());

/** A log in a separate object, accessed through the Worker. */
class RemoteLog {
  readonly #url: string;

  constructor(className = "LogObject") {
    this.#url = `${workerd.url}/${className}/${++objects}`;
  }

  static async open(options: RetentionOptions = {}): Promise<RemoteLog> {
    const log = new RemoteLog();
    await log.run("open", options);
    return log;
  }

  append(bodies: string[], options: AppendOptions = {}): Promise<LogPosition> {
    const entries = bodies.map((body): LogInput => ({ kind: "event", body }));
    return this.run("append", entries, options);
  }

  async read(): Promise<LogPage & { bodies: string[] }> {
    const page = await this.run<LogPage>("read", 0, ALL);
    return { ...page, bodies: page.entries.map(({ body }) => body) };
  }

  sql(query: string): Promise<Record<string, unknown>[]> {
    return this.run("sql", query);
  }

  /** The number of rows in each table of the log; `undefined` when the table does not exist. */
  async rows(): Promise<Record<string, number | undefined>> {
    const counts: Record<string, number | undefined> = {};
    for (const name of ["log", "entries", "keys"]) {
      counts[name] = await this.sql(
        `SELECT COUNT(*) AS count FROM rivulet_${name}`,
      ).then(([row]) => row!.count as number, () => undefined);
    }
    return counts;
  }

  run<Value>(operation: string, ...args: unknown[]): Promise<Value> {
    return call(`${this.#url}/${operation}`, args);
  }
}

Deno.test("new DurableObjectLog() and durableChannel() reject invalid arguments", () => {
  const storage = { sql: { exec() {} }, transactionSync() {} };
  const namespace = { idFromName() {}, get() {} };
  new DurableObjectLog(storage as never);
  const { transactionSync: _, ...partial } = storage;
  for (const wrong of [undefined, null, 5, {}, { sql: {} }, partial]) {
    assertThrows(
      () => new DurableObjectLog(wrong as never),
      TypeError,
      "Cannot open log: storage must be the storage of a Durable Object",
    );
    assertThrows(
      () => durableChannel(wrong as never, "news"),
      TypeError,
      "Cannot open channel: namespace must be a binding to Durable Objects",
    );
  }
  assertThrows(
    () => new DurableObjectLog(storage as never, { maxEvents: 0 }),
    RangeError,
    "Cannot open log: maxEvents",
  );
  assertThrows(
    () => durableChannel(namespace as never, 5 as never),
    TypeError,
    "Cannot open channel: name must be a string: received 5",
  );
});

Deno.test("DurableObjectLog returns the appended text unchanged, including NUL", async () => {
  const log = await RemoteLog.open();
  const bodies = ["data: a\0b\n\n", "data: 字😀\n\n", "", "data: '\"; --\n\n"];
  await log.append(bodies);
  assertEquals((await log.read()).bodies, bodies);
});

Deno.test("DurableObjectLog.read() writes nothing, not even its tables", async () => {
  const log = await RemoteLog.open();
  assertEquals(await log.read(), {
    epoch: "0",
    first: 1,
    last: 0,
    entries: [],
    bodies: [],
  });
  await log.run("expire", 1000);
  assertEquals(await log.sql("SELECT name FROM sqlite_master"), []);
});

Deno.test("DurableObjectLog.append() stores all of 200 concurrent appends", async () => {
  const log = await RemoteLog.open();
  const positions = await Promise.all(
    Array.from({ length: 200 }, (_, i) => log.append([`${i}`])),
  );
  const { epoch, bodies, last } = await log.read();
  assertEquals(last, 200);
  assertEquals(
    positions.map(({ seq }) => bodies[seq - 1]),
    Array.from({ length: 200 }, (_, i) => `${i}`),
  );
  assert(positions.every((position) => position.epoch === epoch));
});

Deno.test("DurableObjectLog shows an entry only after it is durable", async () => {
  const log = await RemoteLog.open();
  assertEquals(await log.run("hold"), {
    before: [],
    after: ["appended", "read a", "woken"],
  });
});

Deno.test("DurableObjectLog.append() writes nothing when the database rejects a statement", async () => {
  const log = await RemoteLog.open({ maxEvents: 2 });
  await log.append(["1", "2"]);
  await log.sql(
    `CREATE TRIGGER refusal BEFORE INSERT ON rivulet_entries WHEN NEW.seq = 4
      BEGIN SELECT RAISE(ABORT, 'refused by the engine'); END`,
  );
  const error = await assertRejects(
    () => log.append(["3", "4"], { idempotencyKey: "key" }),
    EventStreamError,
  );
  assertEquals(error.code, "log-unavailable");
  assertInstanceOf(error.cause, Error);
  assertStringIncludes(error.cause.message, "refused by the engine");
  assertEquals((await log.read()).bodies, ["1", "2"]);

  await log.sql("DROP TRIGGER refusal");
  const { seq } = await log.append(["3", "4"], { idempotencyKey: "key" });
  assertEquals(seq, 4);
  assertEquals((await log.read()).bodies, ["3", "4"]);
});

Deno.test("DurableObjectLog.append() rejects a body that is too long for a row", async () => {
  const log = await RemoteLog.open();
  await assertRejects(
    () => log.append(["a", "é".repeat(950_001)]),
    RangeError,
    "Cannot append: body must be of at most 1900000 bytes in a Durable Object: received 1900002",
  );
  assertEquals((await log.read()).last, 0);
  await log.append(["é".repeat(950_000)]);
  assertEquals((await log.read()).bodies[0]?.length, 950_000);
});

Deno.test("DurableObjectLog rejects when it finds tables of another program", async () => {
  const log = await RemoteLog.open();
  await log.sql("CREATE TABLE rivulet_log (format INTEGER)");
  await log.sql("INSERT INTO rivulet_log VALUES (2)");
  for (const run of [() => log.append(["a"]), () => log.read()]) {
    const error = await assertRejects(
      run,
      EventStreamError,
      "Cannot use log: the object's storage failed: " +
        "the log must be of format 1: it is of format 2",
    );
    assertEquals(error.code, "log-unavailable");
  }
});

Deno.test("DurableObjectLog rejects in an object without SQLite", async () => {
  const log = new RemoteLog("KeyValueObject");
  const error = await assertRejects(
    () => log.read(),
    EventStreamError,
    "Cannot use log: the object's storage failed: SQL is not enabled",
  );
  assertEquals(error.code, "log-unavailable");
});

Deno.test("DurableObjectLog.append() wakes watchers of another log on the same storage", async () => {
  const log = await RemoteLog.open();
  await log.run("watch");
  await log.run("open", {});
  await log.append(["a"]);
  await until(async () => (await log.run<State>("state")).wakes === 1);
});

Deno.test("DurableObjectLog deletes expired entries by alarm, without an append", async () => {
  const log = await RemoteLog.open({ maxAge: 150 });
  const { epoch } = await log.append(["a", "b"]);
  await until(async () => (await log.rows()).entries === 0);
  const { alarm, alarms } = await log.run<State>("state");
  assertEquals(alarm, null);
  assert(alarms >= 1);
  const { first, last } = await log.read();
  assertEquals([first, last], [3, 2]);
  assertEquals(await log.append(["c"]), { epoch, seq: 3 });
});

Deno.test("DurableObjectLog sets one alarm for all entries of one lifetime", async () => {
  const log = await RemoteLog.open({ maxAge: 60_000 });
  await log.append(["a"]);
  const { alarm } = await log.run<State>("state");
  await until(async () =>
    (await log.run<State>("state")).now > alarm! - 59_990
  );
  await log.append(["b"]);
  assertEquals((await log.run<State>("state")).alarm, alarm);
});

Deno.test("DurableObjectLog never sets the object's alarm to a later time", async () => {
  const log = await RemoteLog.open({ maxAge: 60_000 });
  const soon = Date.now() + 30_000;
  await log.run("setAlarm", soon);
  await log.append(["a"], { idempotencyKey: "key" });
  assertEquals((await log.run<State>("state")).alarm, soon);
});

Deno.test("DurableObjectLog sets no alarm when nothing expires", async () => {
  const log = await RemoteLog.open();
  await log.append(["a"]);
  assertEquals((await log.run<State>("state")).alarm, null);
});

Deno.test("DurableObjectLog.expire() deletes the log's tables by alarm, and no others", async () => {
  const log = await RemoteLog.open();
  await log.sql("CREATE TABLE mine (id INTEGER)");
  const { epoch } = await log.append(["a"], { idempotencyKey: "key" });
  await log.run("expire", 100);
  await until(async () => (await log.rows()).log === undefined);
  assertEquals(await log.rows(), {
    log: undefined,
    entries: undefined,
    keys: undefined,
  });
  assertEquals(await log.sql("SELECT * FROM mine"), []);
  const next = await log.append(["b"], { idempotencyKey: "key" });
  assertEquals(next.seq, 1);
  assert(next.epoch !== epoch);
});

Deno.test("DurableObjectLog deletes an unused log by alarm", async () => {
  const log = await RemoteLog.open({ idleTtl: 150, idempotencyTtl: 100 });
  await log.append(["a"], { idempotencyKey: "key" });
  await until(async () => (await log.rows()).log === undefined);
  assertEquals((await log.run<State>("state")).alarm, null);
});

Deno.test("DurableObjectLog forgets idempotency keys by alarm and by append", async () => {
  const log = await RemoteLog.open({ idempotencyTtl: 150 });
  await log.append(["a"], { idempotencyKey: "1" });
  await log.append(["b"], { idempotencyKey: "2" });
  await until(async () => (await log.rows()).keys === 0);
  assertEquals((await log.append(["c"], { idempotencyKey: "1" })).seq, 3);
  await until(async () => (await log.rows()).keys === 0);

  // A key with a longer retention must not keep the alarm busy with the keys after it.
  await log.run("open", { idempotencyTtl: 60_000 });
  await log.append(["d"], { idempotencyKey: "long" });
  await log.run("open", { idempotencyTtl: 50 });
  await log.append(["e"], { idempotencyKey: "short" });
  await until(async () => (await log.rows()).keys === 1);
  const { alarm, now } = await log.run<State>("state");
  assert(alarm! > now + 30_000);
});

Deno.test("DurableObjectLog starts a new log when the object's storage was deleted", async () => {
  const log = await RemoteLog.open();
  const { epoch } = await log.append(["a"]);
  await log.run("deleteAll");
  assertEquals((await log.read()).epoch, "0");
  const next = await log.append(["b"]);
  assertEquals(next.seq, 1);
  assert(next.epoch !== epoch);
});

Deno.test("append() and expire() that need an alarm write nothing in an object that has none", async () => {
  const log = new RemoteLog("AlarmlessObject");
  const nothing = { log: undefined, entries: undefined, keys: undefined };
  const refuses = async (run: () => Promise<unknown>) => {
    const error = await assertRejects(run, EventStreamError, "alarm()");
    assertEquals(error.code, "log-unavailable");
  };
  for (let i = 0; i < 2; i++) {
    await refuses(() => log.append(["a"], { idempotencyKey: "k" }));
    assertEquals(await log.rows(), nothing);
  }
  assertEquals((await log.append(["a"])).seq, 1);
  await refuses(() => log.run("expire", 1000));
  await log.run("open", { maxAge: 1000 });
  await refuses(() => log.append(["b"]));
  assertEquals((await log.read()).bodies, ["a"]);
  assertEquals(await log.rows(), { log: 1, entries: 1, keys: 0 });
});

Deno.test("append() keeps the order of calls when it reads the alarm first", async () => {
  for (const [name, done] of [["LogObject", 3], ["AlarmlessObject", 2]]) {
    const log = new RemoteLog(name as string);
    const entry = (body: string): LogInput[] => [{ kind: "event", body }];
    const outcomes = await log.run<Record<string, unknown>[]>(
      "appendAll",
      [entry("a"), {}],
      [entry("b"), { idempotencyKey: "k" }],
      [entry("c"), {}],
    );
    assertEquals(outcomes.filter((each) => "value" in each).length, done);
    const { bodies } = await log.read();
    assertEquals(bodies, done === 3 ? ["a", "b", "c"] : ["a", "c"]);
  }
});
