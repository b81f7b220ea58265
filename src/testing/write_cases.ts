import type { AppendOptions, EventLog, LogInput } from "../log/log.ts";
import {
  all,
  BATCH,
  check,
  checkBodies,
  checkCode,
  checkRepeat,
  checkSame,
  comesTrue,
  events,
  FINAL_KINDS,
  LAST,
  type LogCase,
  makeTraffic,
  readAll,
  readBodies,
  readPage,
  refuses,
  rejection,
  wait,
} from "./log_case.ts";

/** What `append()` does with entries. */
export const appendCases: readonly LogCase[] = [
  {
    title:
      "append() numbers entries 1, 2, 3, … in order, also those of a batch",
    async run({ open }) {
      const log = open();
      const seqs: number[] = [];
      for (const bodies of [["a"], ["b", "c", "d"], ["e"]]) {
        seqs.push((await log.append(events(...bodies))).seq);
      }
      checkSame(seqs, [1, 4, 5], "the numbers of the last entries");
      checkSame(await readBodies(open()), [..."abcde"], "the entries");
    },
  },
  {
    title:
      "append() numbers without a gap when clients append at the same time",
    async run({ open }) {
      const expected: string[] = [];
      const logs = [open(), open(), open(), open()];
      const appends = logs.flatMap((log, writer) =>
        Array.from({ length: 8 }, async (_, i) => {
          const bodies = Array.from(
            { length: 1 + i % 3 },
            (_, j) => `${writer}.${i}.${j}`,
          );
          const { seq } = await log.append(events(...bodies));
          for (const [j, body] of bodies.entries()) {
            expected[seq - bodies.length + j] = body;
          }
        })
      );
      await all(appends);
      checkSame(await readBodies(open()), [...expected], "the entries");
      checkSame(expected.length, 4 * 15, "the number of entries");
    },
  },
  {
    title:
      "append() chooses one epoch when several clients append first at the same time",
    async run({ open }) {
      const logs = [open(), open(), open(), open()];
      const positions = await all(logs.map((log) => log.append(events("x"))));
      const page = await readPage(open(), 0);
      checkSame(
        positions.map(({ epoch }) => epoch),
        logs.map(() => page.epoch),
        "the epochs",
      );
      checkSame(page.last, logs.length, "the last number");
    },
  },
  {
    title: "append() shows readers a whole batch or none of it",
    async run(scene) {
      const traffic = await makeTraffic(scene);
      const { positions, pages } = traffic;
      for (const { last } of pages) {
        check(last % BATCH === 0, `a batch was torn: ${last} was the last`);
      }
      checkSame(
        positions.map(({ seq }) => seq).sort((a, b) => a - b),
        Array.from({ length: LAST / BATCH }, (_, i) => (i + 1) * BATCH),
        "the last numbers of the batches",
      );
      checkBodies(traffic);
    },
  },
  {
    title: "append() resolves when every other client can read the entries",
    async run({ open }) {
      const logs = [open(), open(), open()];
      for (let i = 0; i < 9; i++) {
        const { seq, epoch } = await logs[i % 3]!.append(events(`${i}`));
        const page = await readPage(logs[(i + 1) % 3]!, seq - 1);
        checkSame(page.epoch, epoch, "the epoch");
        checkSame(page.entries[0]?.body, `${i}`, `the body of entry ${seq}`);
      }
    },
  },
  {
    title: "append() keeps the order of calls, awaited or not",
    async run({ open }) {
      const log = open();
      const bodies = Array.from(
        { length: 1000 },
        (_, i) => `${i} `.padEnd(i % 50 === 0 ? 20_000 : 1 + i % 99, "."),
      );
      const positions = await all(bodies.map((body, i) =>
        log.append(
          events(body),
          i % 7 === 3 ? { idempotencyKey: `k${i}` } : {},
        )
      ));
      checkSame(
        positions.map(({ seq }) => seq),
        bodies.map((_, i) => i + 1),
        "the numbers given",
      );
      checkSame(await readBodies(open()), bodies, "the entries");
    },
  },
  {
    title: "append() sets times in milliseconds that never decrease",
    async run({ open }) {
      const logs = [open(), open(), open()];
      for (let i = 0; i < 3; i++) {
        await all(logs.map((log) => log.append(events("x", "y"))));
      }
      for (const { seq, time } of await readAll(open())) {
        const off = Math.abs(time - Date.now());
        check(off < 86_400_000, `the time of entry ${seq} is ${off} ms off`);
      }
    },
  },
  {
    title: "append() stores every kind of entry",
    async run({ openOther }) {
      const entries: LogInput[] = [
        { kind: "begin", body: "" },
        { kind: "event", body: "data: a\n\n" },
        { kind: "beat", body: "" },
        { kind: "beat", body: "a note" },
      ];
      for (const kind of FINAL_KINDS) {
        const log = await openOther();
        const all = [...entries, { kind, body: `by ${kind}` }];
        await log.append(all);
        checkSame(
          (await readAll(log)).map(({ kind, body }) => ({ kind, body })),
          all,
          "the entries",
        );
      }
    },
  },
  {
    title: "append() refuses wrong arguments and appends nothing",
    retention: { maxEvents: 4, maxBytes: 8 },
    async run({ open }) {
      const log = open();
      for (const [what, append, type] of wrongAppends) {
        const reason = await rejection(() => append(log), what);
        check(reason instanceof type, `${what} gave ${reason}`);
      }
      checkSame((await readPage(open(), 0)).last, 0, "the last number");
    },
  },
];

const one = events("x");

type WrongAppend = readonly [
  what: string,
  append: (log: EventLog) => Promise<unknown>,
  type: typeof RangeError | typeof TypeError,
];

const wrongAppends: readonly WrongAppend[] = [
  ["no entry", (log) => log.append([]), RangeError],
  [
    "an append of more entries than the log keeps",
    (log) => log.append(events("", "", "", "", "")),
    RangeError,
  ],
  [
    "an append of more bytes than the log keeps",
    (log) => log.append(events("€", "€€")),
    RangeError,
  ],
  [
    "an entry after the end",
    (log) => log.append([...one, { kind: "end", body: "" }, ...one]),
    RangeError,
  ],
  [
    "a body that is not a string",
    (log) => log.append([...one, { kind: "event", body: 5 as never }]),
    TypeError,
  ],
  [
    "a body with a lone surrogate",
    (log) => log.append([...one, ...events("\ud83d")]),
    TypeError,
  ],
  [
    "an unknown kind",
    (log) => log.append([...one, { kind: "other" as never, body: "" }]),
    TypeError,
  ],
  [
    "an expectedLast below 0",
    (log) => log.append(one, { expectedLast: -1 }),
    RangeError,
  ],
  [
    "an expectedLast that is not an integer",
    (log) => log.append(one, { expectedLast: 0.5 }),
    RangeError,
  ],
  [
    "an expectedLast that is not a number",
    (log) => log.append(one, { expectedLast: "0" as never }),
    TypeError,
  ],
  [
    "an empty idempotencyKey",
    (log) => log.append(one, { idempotencyKey: "" }),
    RangeError,
  ],
  [
    "an idempotencyKey that is too long",
    (log) => log.append(one, { idempotencyKey: "k".repeat(257) }),
    RangeError,
  ],
  [
    "an idempotencyKey that is not a string",
    (log) => log.append(one, { idempotencyKey: 5 as never }),
    TypeError,
  ],
];

/** What `append()` does under `expectedLast` and `idempotencyKey`. */
export const conditionCases: readonly LogCase[] = [
  {
    title: "append() with expectedLast appends at that number only",
    async run({ open }) {
      const log = open();
      await refuses(log, "conflict", { expectedLast: 1 });
      checkSame((await readPage(log, 0)).last, 0, "the last number");
      await log.append(events("a", "b"), { expectedLast: 0 });
      for (const expectedLast of [0, 1, 3]) {
        await refuses(open(), "conflict", { expectedLast });
      }
      const { seq } = await open().append(events("c"), { expectedLast: 2 });
      checkSame(seq, 3, "the number of the entry");
      checkSame(await readBodies(log), ["a", "b", "c"], "the entries");
    },
  },
  {
    title: "append() with expectedLast has one winner among clients",
    async run({ open }) {
      const logs = [open(), open(), open(), open(), open()];
      for (let last = 0; last < 4; last++) {
        const settled = await Promise.allSettled(
          logs.map((log, i) =>
            log.append(events(`${last}.${i}`), { expectedLast: last })
          ),
        );
        for (const result of settled) {
          if (result.status === "fulfilled") continue;
          checkCode(result.reason, "conflict");
        }
        const won = settled.map(({ status }) => status === "fulfilled");
        checkSame(won.filter(Boolean).length, 1, "the number of winners");
        checkSame(
          (await readPage(open(), last)).entries.map(({ body }) => body),
          [`${last}.${won.indexOf(true)}`],
          "the winner's entry",
        );
      }
    },
  },
  {
    title: "append() with expectedLast stores no key when it conflicts",
    async run({ open }) {
      const log = open();
      const options = { expectedLast: 1, idempotencyKey: "k" };
      await refuses(log, "conflict", options);
      const { seq } = await log.append(events("a"), { idempotencyKey: "k" });
      checkSame(seq, 1, "the number of the entry");
      checkSame(await readBodies(open()), ["a"], "the entries");
    },
  },
  {
    title: "append() with a known key returns the first position",
    async run({ open }) {
      const log = open();
      const options = { idempotencyKey: "k" };
      const first = await log.append(events("a", "b"), options);
      await log.append(events("c"));
      for (const again of [log, open()]) {
        const retried = await again.append(events("a", "b"), options);
        checkRepeat(retried, first);
      }
      checkSame(await readBodies(open()), ["a", "b", "c"], "the entries");
    },
  },
  {
    title: "append() with a known key ignores expectedLast",
    async run({ open }) {
      const options = { idempotencyKey: "k", expectedLast: 0 };
      const first = await open().append(events("a"), options);
      const retried = await open().append(events("a"), options);
      checkRepeat(retried, first);
      checkSame(await readBodies(open()), ["a"], "the entries");
    },
  },
  {
    title:
      "append() with one key from many clients at the same time appends once",
    async run({ open }) {
      const logs = [open(), open(), open()];
      for (let round = 1; round <= 4; round++) {
        const options = {
          idempotencyKey: `k${round}`,
          expectedLast: round % 2 === 0 ? round - 1 : undefined,
        };
        const positions = await all(
          [...logs, ...logs].map((log) =>
            log.append(events(options.idempotencyKey), options)
          ),
        );
        checkSame(
          positions.map(({ seq }) => seq),
          positions.map(() => round),
          "the numbers given",
        );
        const isNew = positions.filter(({ repeated }) => !repeated);
        checkSame(isNew.length, 1, "the appends that are not a repeat");
      }
      checkSame(
        await readBodies(open()),
        ["k1", "k2", "k3", "k4"],
        "the entries",
      );
    },
  },
  {
    title: "append() with a key remembers it after the entry is trimmed",
    retention: { maxEvents: 2 },
    async run({ open }) {
      const options = { idempotencyKey: "k" };
      const first = await open().append(events("a"), options);
      await open().append(events("b", "c"));
      const retried = await open().append(events("a"), options);
      checkRepeat(retried, first);
      checkSame(await readBodies(open()), ["b", "c"], "the entries");
    },
  },
  {
    title: "append() with a key distinguishes it from every other",
    async run({ open }) {
      const log = open();
      const keys = [
        ...["k", "K", " k", "k ", "k\0", "k\n", "k:1", "k/1", "1", "01", "%31"],
        ...["__proto__", "é", "e\u0301", "😀", "*", "k".repeat(256)],
        ...["0", "1-0", "last", "epoch", "k".repeat(255), "界".repeat(256)],
      ];
      for (const pass of [1, 2]) {
        for (const [i, idempotencyKey] of keys.entries()) {
          const body = events(`${pass}`);
          const { seq } = await log.append(body, { idempotencyKey });
          checkSame(seq, i + 1, `the number for ${JSON.stringify(keys[i])}`);
        }
      }
    },
  },
  {
    title: "append() with a key forgets it after idempotencyTtl",
    retention: { idempotencyTtl: 100 },
    async run({ open, patience }) {
      const append = () => open().append(events("a"), { idempotencyKey: "k" });
      await append();
      const end = Date.now() + patience;
      do await wait(150); while (
        (await append()).seq === 1 && Date.now() < end
      );
      checkSame((await readPage(open(), 0)).last, 2, "the last number");
    },
  },
];

const END: readonly LogInput[] = [{ kind: "end", body: "" }];

/** What a closed log does. */
export const endCases: readonly LogCase[] = [
  {
    title: "append() is refused after an entry that closes the log",
    async run({ openOther }) {
      for (const kind of FINAL_KINDS) {
        const log = await openOther();
        await log.append([...events("a"), { kind, body: "" }]);
        for (const expectedLast of [undefined, 0, 2]) {
          await refuses(log, "closed", { expectedLast });
        }
        checkSame((await readPage(log, 0)).last, 2, "the last number");
      }
    },
  },
  {
    title: "append() is refused to every client after the end",
    async run({ open }) {
      const logs = [open(), open(), open()];
      const inputs = [events("a"), END, events("b"), END];
      await all(
        logs.flatMap((log) => inputs.map((input) => log.append(input)))
          .map((append) => append.catch(() => undefined)),
      );
      const kinds = (await readAll(open())).map(({ kind }) => kind);
      checkSame(
        kinds.indexOf("end"),
        kinds.length - 1,
        "the position of the end",
      );
      await refuses(open(), "closed", {});
    },
  },
  {
    title: "append() with a known key is not refused after the end",
    async run({ open }) {
      const log = open();
      const append = (key: string, input: readonly LogInput[]) =>
        log.append(input, { idempotencyKey: key });
      const first = await append("k1", events("a", "b"));
      const last = await append("k2", END);
      checkRepeat(await append("k1", events("a", "b")), first);
      checkRepeat(await append("k2", END), last);
      await refuses(open(), "closed", { idempotencyKey: "k3" });
      await refuses(open(), "closed", { idempotencyKey: "k3" });
    },
  },
  {
    title: "read() returns the end when all entries before it have expired",
    retention: { maxAge: 50 },
    async run({ open, patience }) {
      await open().append([...events("a", "b"), ...END]);
      const gone = async () => (await readPage(open(), 0)).first > 1;
      check(await comesTrue(gone, patience), "entries older than maxAge stay");
      const { first, last } = await readPage(open(), 0);
      checkSame([first, last], [3, 3], "first and last");
      const kinds = (await readAll(open())).map(({ kind }) => kind);
      checkSame(kinds, ["end"], "the entries");
      await refuses(open(), "closed", { expectedLast: 3 });
    },
  },
  {
    title: "append() begins a new log when a closed one has expired",
    async run({ open, patience }) {
      const { epoch } = await open().append(END);
      await open().expire(30);
      const gone = async () => (await readPage(open(), 0)).last === 0;
      check(await comesTrue(gone, patience), "the log must expire");
      const position = await open().append(events("a"));
      checkSame(position.seq, 1, "the number of the next entry");
      check(position.epoch !== epoch, "the epoch must be new");
      await open().append(events("b"));
      checkSame(await readBodies(open()), ["a", "b"], "the entries");
    },
  },
];

/** What `expire()` deletes, and when. */
export const expiryCases: readonly LogCase[] = [
  {
    title: "expire() deletes entries, numbers and epoch",
    async run({ open, patience }) {
      const log = open();
      const { epoch } = await log.append(events("a", "b"));
      await log.expire(30);
      await goes(open(), patience);
      const next = await open().append(events("c"), { expectedLast: 0 });
      checkSame(next.seq, 1, "the number of the next entry");
      check(next.epoch !== epoch, `the epoch must be new: it is ${epoch}`);
      const page = await readPage(log, 0);
      checkSame([page.epoch, page.last], [next.epoch, 1], "epoch and last");
      checkSame(await readBodies(open()), ["c"], "the entries");
    },
  },
  {
    title: "expire() deletes idempotency keys",
    async run({ open, patience }) {
      const options = { idempotencyKey: "k" };
      await open().append(events("a", "b"), options);
      await open().expire(30);
      await goes(open(), patience);
      const { seq } = await open().append(events("c"), options);
      checkSame(seq, 1, "the number of the next entry");
      checkSame(await readBodies(open()), ["c"], "the entries");
    },
  },
  {
    title: "expire() is undone by an append",
    async run({ open }) {
      const ttl = await expireAnd(open(), () => open().append(events("b")));
      await stays(open(), ttl);
    },
  },
  {
    title: "expire() is not undone by calls that append nothing",
    async run({ open, patience }) {
      const ttl = await expireAnd(open(), async (options) => {
        await refuses(open(), "conflict", { expectedLast: 70 });
        await open().append(events("a"), options);
      });
      await goes(open(), ttl + patience);
    },
  },
  {
    title: "expire() replaces an earlier call",
    async run({ open, patience }) {
      const ttl = await expireAnd(
        open(),
        () => open().expire(3_600_000),
      );
      await stays(open(), ttl);
      await open().expire(1);
      await goes(open(), patience);
    },
  },
  {
    title: "expire() of an empty log ends with an append",
    async run({ open }) {
      const log = open();
      await log.expire(30);
      await log.append(events("a"));
      await stays(open(), 30);
      checkSame(await readBodies(open()), ["a"], "the entries");
    },
  },
  {
    title: "expire() refuses wrong arguments",
    async run({ open }) {
      const log = open();
      await log.append(events("a"));
      for (const ttl of [0, -1, 0.5, NaN, Infinity, 2 ** 31]) {
        const reason = await rejection(
          () => log.expire(ttl),
          `a ttl of ${ttl}`,
        );
        check(reason instanceof RangeError, `a ttl of ${ttl} gave ${reason}`);
      }
      await stays(open(), 1);
    },
  },
];

/** Throws unless the log becomes empty, with a new epoch. */
async function goes(log: EventLog, patience: number): Promise<void> {
  const gone = async () => (await readPage(log, 0)).epoch === "0";
  check(
    await comesTrue(gone, patience),
    "the log must expire: it is still there",
  );
}

/** Throws unless the log is unchanged well after the time. */
async function stays(log: EventLog, ttl: number): Promise<void> {
  const before = await readPage(log, 0);
  await wait(ttl + 50);
  const { epoch, last } = await readPage(log, 0);
  checkSame([epoch, last], [before.epoch, before.last], "epoch and last");
  check(last > 0, "the log must be there: it is gone");
}

/**
 * Appends with a key, calls `expire()`, and does something before the time is over. An engine that is too slow repeats
 * all of it with more time, since its log has expired then and `expire()` alone would do nothing.
 */
async function expireAnd(
  log: EventLog,
  act: (options: AppendOptions) => Promise<unknown>,
): Promise<number> {
  for (let ttl = 100;; ttl *= 3) {
    const options = { idempotencyKey: `k${ttl}` };
    await log.append(events("a"), options);
    const start = Date.now();
    await log.expire(ttl);
    await act(options);
    if (Date.now() - start < ttl) return ttl;
  }
}

/** What a log stores, and for how long. */
export const retentionCases: readonly LogCase[] = [
  {
    title: "append() trims to the newest maxEvents entries, and no further",
    retention: { maxEvents: 5 },
    async run({ open }) {
      const log = open();
      for (const [i, bodies] of ["abcd", "e", "fg", "hijkl"].entries()) {
        await log.append(events(...bodies));
        const page = await readPage(open(), 0);
        const last = [4, 5, 7, 12][i]!;
        const first = Math.max(1, last - 4);
        checkSame([page.first, page.last], [first, last], "first and last");
      }
      checkSame(await readBodies(open()), [..."hijkl"], "the entries");
    },
  },
  {
    title: "append() trims to maxBytes of UTF-8, and no further",
    retention: { maxBytes: 30 },
    async run({ open }) {
      const log = open();
      const steps = [
        [["0123456789", "€€€", "", "x"], 1, 4], // 20 bytes
        [["0123456789"], 1, 5], // 30
        [["x"], 2, 6], // 31, so the first 10 go
        [["😀😀"], 2, 7], // 29
        [["é"], 3, 8], // 31, so 9 go
        [[""], 3, 9], // 22
        [["0123456789", "01234567890123456789"], 9, 11], // 30 without all the others but the empty one
      ] as const;
      for (const [bodies, first, last] of steps) {
        await log.append(events(...bodies));
        const page = await readPage(open(), 0);
        checkSame([page.first, page.last], [first, last], "first and last");
      }
    },
  },
  {
    title: "append() keeps one append of exactly maxEvents and maxBytes",
    retention: { maxEvents: 3, maxBytes: 6 },
    async run({ open }) {
      for (const bodies of [["ab", "cd", "ef"], ["€", "", "€"]]) {
        await open().append(events(...bodies));
        checkSame(await readBodies(open()), bodies, "the entries");
      }
    },
  },
  {
    title: "read() returns no entry older than maxAge",
    retention: { maxAge: 250 },
    async run({ open, patience }) {
      const log = open();
      await log.append(events("a"));
      await wait(125);
      await log.append(events("b"));
      const gone = await comesTrue(async () => {
        const { first, last } = await readPage(open(), 0);
        checkSame(last, 2, "the last number");
        return first === 3;
      }, patience);
      check(
        gone,
        "an entry older than maxAge must be deleted: it is still there",
      );
    },
  },
  {
    title:
      "append() continues from the last number when all entries have expired",
    retention: { maxAge: 50 },
    async run({ open, patience }) {
      const log = open();
      const { epoch } = await log.append(events("a", "b"));
      const isGone = async () => (await readPage(open(), 0)).first === 3;
      check(
        await comesTrue(isGone, patience),
        "entries older than maxAge stay",
      );
      await refuses(open(), "conflict", { expectedLast: 0 });
      const position = await open().append(events("c"), { expectedLast: 2 });
      checkSame({ ...position }, { epoch, seq: 3 }, "the position");
      checkSame((await readPage(log, 0)).last, 3, "the last number");
    },
  },
  {
    title: "read() returns entries of any age that maxAge allows",
    retention: { maxAge: 3_600_000 },
    async run({ open }) {
      await open().append(events("a"));
      await wait(30);
      await open().append(events("b"));
      checkSame(await readBodies(open()), ["a", "b"], "the entries");
    },
  },
];

/** The `idleTtl` of the cases, in milliseconds: long enough for a slow engine. */
const IDLE = { idleTtl: 600, idempotencyTtl: 500 };

/**
 * Appends six entries, a third of `idleTtl` apart, and returns their epochs; `undefined` if one was so late that the
 * log may have been deleted.
 */
async function appendInTime(log: EventLog): Promise<Set<string> | undefined> {
  const epochs = new Set<string>();
  for (let i = 0; i < 6; i++) {
    const before = Date.now();
    epochs.add((await log.append(events("a"))).epoch);
    await wait(IDLE.idleTtl / 3);
    if (Date.now() - before > IDLE.idleTtl / 2) return undefined;
  }
  return epochs;
}

/** What `idleTtl` deletes, and when. */
export const idleCases: readonly LogCase[] = [
  {
    title: "idleTtl deletes the log when nothing was appended for that time",
    retention: IDLE,
    async run({ open, patience }) {
      const log = open();
      const options = { idempotencyKey: "k" };
      const { epoch } = await log.append(events("a", "b"), options);
      await goes(open(), IDLE.idleTtl + patience);
      const next = await log.append(events("c"), options);
      checkSame(next.seq, 1, "the number of the next entry");
      check(next.epoch !== epoch, `the epoch must be new: it is ${epoch}`);
      checkSame(await readBodies(open()), ["c"], "the entries");
    },
  },
  {
    title: "idleTtl counts from the last append",
    retention: IDLE,
    async run({ open, patience }) {
      let epochs: Set<string> | undefined;
      for (let attempt = 0; attempt < 10; attempt++) {
        epochs = await appendInTime(open());
        if (epochs !== undefined) break;
      }
      // On an engine or a machine that is always this slow, the case shows nothing.
      if (epochs === undefined) return;
      checkSame(epochs.size, 1, "the number of epochs");
      await goes(open(), IDLE.idleTtl + patience);
    },
  },
  {
    title: "idleTtl keeps an open log while it is watched, and no longer",
    retention: IDLE,
    async run({ open, patience }) {
      const watcher = open();
      const controller = new AbortController();
      const { epoch } = await watcher.append(events("a"));
      watcher.watch(() => {}, controller.signal);
      await wait(IDLE.idleTtl * 3);
      const page = await readPage(open(), 0);
      controller.abort();
      checkSame(page.epoch, epoch, "the epoch");
      await goes(open(), IDLE.idleTtl + patience);
    },
  },
  {
    title:
      "idleTtl deletes a closed log even while it is watched, and not before",
    retention: IDLE,
    async run({ open, patience }) {
      const log = open();
      const controller = new AbortController();
      await log.append([...events("a"), { kind: "end", body: "" }]);
      await refuses(open(), "closed", {});
      log.watch(() => {}, controller.signal);
      const gone = goes(open(), IDLE.idleTtl + patience);
      await gone.finally(() => controller.abort());
      const { seq } = await open().append(events("b"));
      checkSame(seq, 1, "the number of the next entry");
    },
  },
];
