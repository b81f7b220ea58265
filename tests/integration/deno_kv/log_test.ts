import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { DenoKvLog, type KvStore } from "../../../src/deno_kv/mod.ts";
import { EventStreamError } from "../../../src/error.ts";
import { until } from "../../support/until.ts";
import {
  countKeys,
  events,
  interfere,
  KvFile,
  readAll,
  readBodies,
} from "./fixture.ts";
import { pause } from "../../../tools/pause.ts";

const ALL = { entries: 10_000, bytes: 100_000_000 };
const MOST = 720 * 1024;

/** Fails unless the promise rejects because of the engine, and returns the engine's error. */
async function causeOf(promise: Promise<unknown>): Promise<Error> {
  const error = await assertRejects(() => promise, EventStreamError);
  assertEquals(error.code, "log-unavailable");
  const { cause } = error;
  assert(cause instanceof Error || cause instanceof DOMException);
  assertStringIncludes(error.message, cause.message);
  return cause;
}

Deno.test("new DenoKvLog() accepts a Deno.Kv and rejects everything else", async () => {
  await using file = await KvFile.make();
  const kv: KvStore = await file.open();
  new DenoKvLog(kv, "a".repeat(256));
  const opening = file.open();
  for (const wrong of [undefined, {}, new Map(), opening]) {
    const error = assertThrows(
      () => new DenoKvLog(wrong as never, "a"),
      TypeError,
    );
    assertStringIncludes(error.message, "kv must be an opened Deno.Kv");
  }
  for (const name of [undefined, 5, "\ud800"]) {
    assertThrows(() => new DenoKvLog(kv, name as never), TypeError);
  }
  for (const name of ["", "a".repeat(257)]) {
    assertThrows(() => new DenoKvLog(kv, name), RangeError);
  }
  for (const wrong of [0, -1, 0.5, 2 ** 31]) {
    assertThrows(() => new DenoKvLog(kv, "a", { timeout: wrong }), RangeError);
    assertThrows(
      () => new DenoKvLog(kv, "a", { pollInterval: wrong }),
      RangeError,
    );
    assertThrows(() => new DenoKvLog(kv, "a", { maxAge: -1 }), RangeError);
  }
  // @ts-expect-error: a Deno.Kv that is still being opened
  assertThrows(() => new DenoKvLog(opening, "a"), TypeError);
  await opening;
});

Deno.test("DenoKvLog keeps logs apart whose names have the same prefix", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const names = ["a", "a\0", "a\0\0", "a\0b", "ab", "A", "key", "\u00e4", "界"];
  for (const name of names) {
    const log = new DenoKvLog(kv, name);
    await log.append(events(name), { idempotencyKey: "k" });
  }
  for (const name of names) {
    assertEquals(await readBodies(new DenoKvLog(kv, name)), [name]);
  }
});

Deno.test("append() splits a body over values and read() joins it", async () => {
  await using file = await KvFile.make();
  const log = await file.log("log");
  const bodies = [
    "a".repeat(63_992), // fills one value
    "a".repeat(63_993),
    "a".repeat(64_001), // just needs two
    "a" + "界".repeat(100_000), // characters across the cuts
    "😀".repeat(150_000),
    "",
  ];
  for (const body of bodies) await log.append(events("x", body, "y"));
  assertEquals(
    await readBodies(log),
    bodies.flatMap((body) => ["x", body, "y"]),
  );
  const { entries } = await log.read(10, { entries: 1, bytes: 1 });
  assert(entries.length === 1 && entries[0]!.body === bodies[3]);
});

Deno.test("append() accepts as many entries at once as maxEvents and a commit allow", async () => {
  await using file = await KvFile.make();
  const log = await file.log("log");
  const bodies = Array.from({ length: 10_000 }, (_, i) => `data: ${i}\n\n`);
  assertEquals((await log.append(events(...bodies))).seq, 10_000);
  assertEquals(await readBodies(log), bodies);
});

Deno.test("append() rejects more than a commit holds and appends nothing", async () => {
  await using file = await KvFile.make();
  const log = await file.log("log", { maxEvents: 200_000 });
  await log.append(events("a".repeat(MOST - 8)));
  for (
    const entries of [
      events("a".repeat(MOST - 7)),
      events("界".repeat(MOST / 3)),
      events("a", "a".repeat(MOST - 16)),
      events(...Array(MOST / 8 + 1).fill("")),
    ]
  ) {
    const error = await assertRejects(() => log.append(entries), RangeError);
    assertStringIncludes(error.message, `must be at most ${MOST} bytes`);
  }
  assertEquals((await log.read(1, ALL)).last, 1);
  const { seq } = await log.append(events(...Array(MOST / 8).fill("")));
  assertEquals(seq, 1 + MOST / 8);
});

Deno.test("append() fits into one commit with the longest names and keys", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  for (const character of ["界", "\0", "a"]) {
    const name = character.repeat(256);
    // Much to delete, in the same commits.
    const wide = new DenoKvLog(kv, name);
    for (let i = 0; i < 150; i++) await wide.append(events("a"));
    const log = new DenoKvLog(kv, name, { maxEvents: 30, maxBytes: MOST });
    // Bodies that need as many blocks as possible, filled as badly as possible.
    const bodies = Array.from(
      { length: 22 },
      (_, i) => "a".repeat(i % 2 ? 63_900 : 3_000),
    );
    for (let i = 0; i < 4; i++) {
      const idempotencyKey = character.repeat(255) + i;
      await log.append(events(...bodies), { idempotencyKey });
    }
    assertEquals(await readBodies(log), bodies);
    const many = Array.from({ length: 400 }, (_, i) =>
      log.append(events("b"), {
        idempotencyKey: character.repeat(250) + i,
      }));
    assertEquals((await Promise.all(many)).at(-1)?.seq, 150 + 4 * 22 + 400);
  }
});

Deno.test("append() splits concurrent calls into commits that Deno KV accepts", async () => {
  await using file = await KvFile.make();
  // Much of everything that a commit is limited in: bytes, keys and mutations.
  const loads = [[1, 1], [1, 256], [1400, 1], [1760, 36], [5000, 1]] as const;
  for (const name of ["log", "a".repeat(25), "界".repeat(256)]) {
    const log = await file.log(name);
    for (const [size, length] of loads) {
      const appends = Array.from(
        { length: 600 },
        (_, i) =>
          log.append(events("a".repeat(size)), {
            idempotencyKey: `${size}.${i}`.padEnd(length),
          }),
      );
      const first = (await appends[0]!).seq;
      const seqs = (await Promise.all(appends)).map(({ seq }) => seq);
      assertEquals(seqs, seqs.map((_, i) => first + i));
    }
  }
});

Deno.test("append() batches concurrent calls into few commits", async () => {
  await using file = await KvFile.make();
  let commits = 0;
  const kv = interfere(await file.open(), {
    commit: (commit) => (commits++, commit()),
  });
  const logs = [new DenoKvLog(kv, "log"), new DenoKvLog(kv, "log")];
  const positions = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => logs[i % 2]!.append(events(`${i}`))),
  );
  // In the order of the calls, though two objects were called.
  assertEquals(positions.map(({ seq }) => seq), positions.map((_, i) => i + 1));
  assertEquals(await readBodies(logs[0]!), positions.map((_, i) => `${i}`));
  assertEquals(commits, 2);
});

Deno.test("append() that is rejected does not reject the other appends of its commit", async () => {
  await using file = await KvFile.make();
  const log = await file.log("log");
  const appends = await Promise.allSettled([
    log.append(events("a"), { expectedLast: 0 }),
    log.append(events("b"), { expectedLast: 0 }),
    log.append(events("c"), { expectedLast: 1, idempotencyKey: "k" }),
    log.append(events("c"), { expectedLast: 1, idempotencyKey: "k" }),
    log.append([]),
    log.append([{ kind: "end", body: "" }]),
    log.append(events("d")),
    log.append(events("c"), { idempotencyKey: "k" }),
  ]);
  assertEquals(
    appends.map((append) =>
      append.status === "fulfilled"
        ? append.value.seq
        : append.reason.code ?? append.reason.name
    ),
    [1, "conflict", 2, 2, "RangeError", 3, "closed", 2],
  );
  assertEquals(await readBodies(log), ["a", "c", ""]);
});

Deno.test("append() keeps a log consistent that is opened with different limits", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const wide = new DenoKvLog(kv, "log", { maxEvents: 100 });
  const narrow = new DenoKvLog(kv, "log", { maxEvents: 3 });
  for (const body of "abcd") await wide.append(events(body));
  assertEquals((await narrow.read(0, ALL)).first, 1);
  await narrow.append(events("e"));
  for (const log of [wide, narrow]) {
    assertEquals(await readBodies(log), ["c", "d", "e"]);
  }
  for (const body of "fg") await wide.append(events(body));
  assertEquals(await readBodies(narrow), [..."cdefg"]);
  const logs = Array.from({ length: 30 }, (_, i) => i % 3 ? wide : narrow);
  await Promise.all(logs.map((log) => log.append(events("h"))));
  await narrow.append(events("i"));
  assertEquals(await readBodies(wide), ["h", "h", "i"]);
});

Deno.test("append() deletes trimmed entries a few at a time", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const count = new DenoKvLog(kv, "count", { maxEvents: 50 });
  for (let i = 0; i < 400; i++) await count.append(events("a"));
  // The head, the retained entries, and the entries to be deleted.
  const keys = await countKeys(kv);
  assert(keys > 50 && keys <= 1 + 50 + 65, `${keys} keys`);

  const bytes = new DenoKvLog(kv, "bytes", { maxBytes: 1_000_000 });
  for (let i = 0; i < 50; i++) await bytes.append(events("a".repeat(300_000)));
  assertEquals((await bytes.read(0, ALL)).first, 48);
  assertEquals(await countKeys(kv) - keys, 1 + 3 * 5);
});

Deno.test("append() deletes expired entries, a few with each call", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const patient = new DenoKvLog(kv, "log");
  for (let i = 0; i < 300; i++) await patient.append(events("a"));
  const hasty = new DenoKvLog(kv, "log", { maxAge: 20 });
  await pause(30);
  for (const keys of [1 + 200 + 1, 1 + 100 + 2, 1 + 3]) {
    await hasty.append(events("b"));
    assertEquals(await countKeys(kv), keys);
    assert((await patient.read(0, ALL)).first > 300);
  }
});

Deno.test("read() finds the first entry that has not expired among many", async () => {
  await using file = await KvFile.make();
  const log = await file.log("log", { maxAge: 1500 });
  for (let i = 0; i < 20; i++) {
    await Promise.all(
      Array.from({ length: 20 }, () => log.append(events("a", "b"))),
    );
    await pause(20);
  }
  const before = await log.read(0, ALL);
  assert(before.first > 0);
  const times = new Map(before.entries.map(({ seq, time }) => [seq, time]));
  let lastFirst = before.first;
  await until(async () => {
    const start = Date.now();
    const { first, last, entries } = await log.read(0, ALL);
    const end = Date.now();
    assertEquals([last, entries.length], [800, 801 - first]);
    assert(first >= lastFirst);
    lastFirst = first;
    const [gone, kept] = [times.get(first - 1), times.get(first)];
    if (gone !== undefined) assert(gone <= end - 1500);
    if (kept !== undefined) assert(kept > start - 1500);
    return first === 801;
  });
});

Deno.test("expire() leaves no key, and a later append cancels it", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const options = { idempotencyTtl: 1 };
  const gone = new DenoKvLog(kv, "gone", options);
  const kept = new DenoKvLog(kv, "kept", options);
  const bodies = ["a", "a".repeat(200_000), "b"];
  for (const log of [gone, kept]) {
    for (const body of bodies) {
      await log.append(events(body), { idempotencyKey: body.slice(0, 9) });
    }
  }
  await kept.expire(60_000);
  await kept.append(events("c"));
  await gone.expire(1);
  kv.close();
  // Deno KV deletes expired keys when it opens a file, and then about once a minute.
  await until(async () => {
    using kv = await Deno.openKv(file.path);
    const prefix = ["rivulet", "gone"];
    const [head] = await kv.getMany([prefix]);
    const below = await Array.fromAsync(kv.list({ prefix }));
    return head?.value === null && below.length === 0;
  });
  assertEquals(await readBodies(await file.log("kept")), [...bodies, "c"]);
  using database = new Sqlite(file.path);
  assertEquals(database.expiring, 0);
});

Deno.test("expire() sets an expiry on every key of the log, however many", async () => {
  await using file = await KvFile.make();
  const log = await file.log("log");
  for (let i = 0; i < 150; i++) await log.append(events("a"));
  await log.append(events("a".repeat(700_000)));
  await log.append(events("b"), { idempotencyKey: "k" });
  await log.expire(100_000);
  using database = new Sqlite(file.path);
  assertEquals(database.expiring, 1 + 150 + 11 + 1 + 1);
  await log.append(events("c"));
  assertEquals(database.expiring, 1);
});

Deno.test("append() to an expired log deletes its old entries at once", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const log = new DenoKvLog(kv, "log");
  for (let i = 0; i < 100; i++) {
    await log.append(events("a"), { idempotencyKey: `${i}` });
  }
  await log.expire(1);
  await until(async () => (await log.read(0, ALL)).epoch === "0");
  await log.append(events("b"), { idempotencyKey: "1" });
  assertEquals(await countKeys(kv), 3);
  assertEquals(await readBodies(log), ["b"]);
});

Deno.test("DenoKvLog rejects a key that holds another value", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const log = new DenoKvLog(kv, "log");
  const wrong = "is not the head of a log";
  const values = [
    ["x", wrong],
    [5, wrong],
    [{ format: 2 }, "must be of format 1: it is of format 2"],
    [new Uint8Array(3), wrong],
  ] as const;
  for (const [value, reason] of values) {
    await kv.set(["rivulet", "log"], value);
    for (
      const act of [
        () => log.append(events("a")),
        () => log.read(0, ALL),
        () => log.expire(1),
      ]
    ) {
      assertStringIncludes((await causeOf(act())).message, reason);
    }
    assertEquals((await kv.get(["rivulet", "log"])).value, value);
  }
  assertEquals(await countKeys(kv), 1);
});

Deno.test("DenoKvLog reports that the database is closed", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const log = new DenoKvLog(kv, "log");
  const controller = new AbortController();
  log.watch(() => {}, controller.signal);
  await log.append(events("a"));
  kv.close();
  for (
    const act of [
      () => log.append(events("a")),
      () => log.read(0, ALL),
      () => log.expire(1),
    ]
  ) {
    assertInstanceOf(await causeOf(act()), Deno.errors.BadResource);
  }
  log.watch(() => {}, controller.signal);
  controller.abort();
});

Deno.test("watch() is notified directly of appends in the same process", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const options = { pollInterval: 2 ** 31 - 1 };
  const log = new DenoKvLog(kv, "log", options);
  const controller = new AbortController();
  const woken = new Promise<void>((resolve) =>
    log.watch(resolve, controller.signal)
  );
  await new DenoKvLog(kv, "log").append(events("a"));
  await woken;
  controller.abort();
});

Deno.test("append() trims to the limits when one call exceeds them", async () => {
  await using file = await KvFile.make();
  for (const options of [{ maxEvents: 5 }, { maxBytes: 50 }]) {
    const log = await file.log(JSON.stringify(options), options);
    for (let total = 40; total <= 120; total += 40) {
      await Promise.all(
        Array.from({ length: 40 }, () => log.append(events("0123456789"))),
      );
      const { first, last, entries } = await log.read(0, ALL);
      assertEquals([first, last, entries.length], [total - 4, total, 5]);
    }
  }
});

Deno.test("append() is not duplicated when the database's answer is lost", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const other = new DenoKvLog(kv, "log");
  let lost = 0;
  const log = new DenoKvLog(
    interfere(kv, {
      async commit(commit) {
        const result = await commit();
        // Every third: as the client of a remote database sees it that sends the commit again.
        if (lost++ % 3 !== 0) return result;
        if (lost % 2 === 0) await other.append(events("other"));
        return { ok: false };
      },
    }),
    "log",
  );
  const seqs: number[] = [];
  for (let i = 0; i < 20; i++) {
    seqs.push((await log.append(events(`${i}`))).seq);
  }
  const entries = await readAll(log);
  const own = entries.filter(({ body }) => body !== "other");
  assertEquals(own.map(({ body }) => body), seqs.map((_, i) => `${i}`));
  assertEquals(own.map(({ seq }) => seq), seqs);
  assert(entries.length > own.length);
});

Deno.test("append() waits while another process holds the file", async () => {
  await using file = await KvFile.make();
  const log = await file.log("log");
  const hasty = await file.log("log", { timeout: 2000 });
  await log.append(events("a"));
  using database = new Sqlite(file.path);
  database.run("begin immediate");
  const append = log.append(events("b"));
  const cause = await causeOf(hasty.append(events("c")));
  assertEquals((cause.cause as Error).message, "database is locked");
  assertEquals(await readBodies(log), ["a"]);
  database.run("rollback");
  assertEquals((await append).seq, 2);
  assertEquals(await readBodies(hasty), ["a", "b"]);
});

Deno.test("DenoKvLog stops waiting for an answer after its timeout", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  let silent = true;
  const never = new Promise<void>(() => {});
  const get = () => silent ? never : Promise.resolve();
  const log = new DenoKvLog(interfere(kv, { get }), "log", { timeout: 1000 });
  const appends = ["a", "b"].map((body) => causeOf(log.append(events(body))));
  for (
    const cause of [
      ...await Promise.all(appends),
      await causeOf(log.read(0, ALL)),
      await causeOf(log.expire(1)),
    ]
  ) {
    assertEquals(cause.name, "TimeoutError");
  }
  silent = false;
  await log.append(events("c"));
  assertEquals(await readBodies(log), ["c"]);
});

Deno.test("read() returns a consistent page when the log is trimmed during the read", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const other = new DenoKvLog(kv, "log", { maxEvents: 200 });
  for (let i = 0; i < 300; i++) await other.append(events(`${i + 1}`));
  let lists = 0;
  const list = async () => {
    if (lists++ % 4 !== 1) return;
    for (let i = 0; i < 4; i++) {
      const { last } = await other.read(0, { entries: 1, bytes: 1 });
      await other.append(
        events(...Array.from({ length: 40 }, (_, i) => `${last + i + 1}`)),
      );
    }
  };
  const log = new DenoKvLog(interfere(kv, { list }), "log");
  for (let i = 0; i < 20; i++) {
    const { first, last, entries } = await log.read(0, ALL);
    assertEquals(first, last - 199);
    assertEquals(
      entries.map(({ seq, body }) => [seq, body]),
      Array.from({ length: 200 }, (_, i) => [first + i, `${first + i}`]),
    );
  }
  assert(lists > 40);
});

Deno.test("read() rejects when an entry is missing, and never skips it", async () => {
  await using file = await KvFile.make();
  const kv = await file.open();
  const log = new DenoKvLog(kv, "log");
  await log.append(events("a"));
  await log.append(events("b".repeat(200_000)));
  const { epoch } = await log.append(events("c"));
  assertEquals((await log.read(0, ALL)).entries.length, 3);
  await kv.delete(["rivulet", "log", epoch, 2, 1]);
  const cause = await causeOf(log.read(0, ALL));
  assertStringIncludes(cause.message, "entries were missing");
  assertEquals((await log.read(2, ALL)).entries.length, 1);
});

/** The file, seen past Deno KV. */
class Sqlite {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
  }

  /** How many keys have an expiry. */
  get expiring(): number {
    const sql = "select count(*) as n from kv where expiration_ms >= 0";
    return Number(this.#database.prepare(sql).get()!.n);
  }

  run(sql: string): void {
    this.#database.exec(sql);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

Deno.test("idleTtl deletes the blocks of unused logs when other logs are appended to", async () => {
  using kv = await Deno.openKv(":memory:");
  const options = { idleTtl: 50, idempotencyTtl: 50 };
  const names = Array.from({ length: 5 }, (_, i) => `old ${i}`);
  for (const name of names) {
    const log = new DenoKvLog(kv, name, options);
    for (const body of ["a", "b", "c"]) await log.append(events(body));
  }
  const old = new DenoKvLog(kv, names[4]!, options);
  await until(async () => (await old.read(0, ALL)).epoch === "0");
  // Another process, as this one has swept in the last minute.
  const other = interfere(kv, {});
  await new DenoKvLog(other, "news", { idleTtl: 600_000 }).append(events("d"));
  const keys = [["rivulet"], ["rivulet idle"]].map((prefix) =>
    Array.fromAsync(kv.list({ prefix }), ({ key }) => key[1])
  );
  assertEquals(await Promise.all(keys), [["news", "news"], ["news"]]);
});

Deno.test("idleTtl never expires a block of a log that is in use", async () => {
  using kv = await Deno.openKv(":memory:");
  const options = { idleTtl: 600_000 };
  const expiries: unknown[] = [];
  const store = interfere(kv, {});
  const log = new DenoKvLog(
    {
      ...store,
      atomic() {
        const operation = store.atomic();
        const { set } = operation;
        operation.set = (key, value, options) => {
          expiries.push(options?.expireIn);
          return set.call(operation, key, value, options);
        };
        return operation;
      },
    },
    "news",
    options,
  );
  for (const body of ["a", "b"]) await log.append(events(body));
  assert(expiries.length >= 4);
  assertEquals(new Set(expiries), new Set([undefined]));
});

Deno.test("idleTtl never leaves half a log when a process whose clock is ahead deletes it", async () => {
  const { now } = Date;
  let offset = 0;
  Date.now = () => now() + offset;
  try {
    // A sweep deletes "old" when "news" is appended to, and an append to "old" itself does so at once.
    for (const name of ["news", "old"]) {
      using kv = await Deno.openKv(":memory:");
      const options = { idleTtl: 600_000 };
      const log = new DenoKvLog(kv, "old", options);
      offset = -500_000;
      for (let i = 0; i < 100; i++) await log.append(events("a"));
      let deletions = 0;
      const ahead = interfere(kv, {
        async commit(commit) {
          const keys = await countKeys(kv);
          const result = await commit();
          if (await countKeys(kv) < keys && deletions++ === 0) {
            offset = 0;
            await log.append(events("b"));
            offset = 200_000;
          }
          return result;
        },
      });
      offset = 200_000;
      await new DenoKvLog(ahead, name, options).append(events("c"));
      offset = 0;
      const bodies = name === "old" ? ["b", "c"] : ["b"];
      assertEquals(await readBodies(log), bodies);
      assert(deletions > 0);
    }
  } finally {
    Date.now = now;
  }
});
