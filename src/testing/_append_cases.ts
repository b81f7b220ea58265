import type { EventLog, LogInput } from "../log/event_log.ts";
import { check, checkSame, rejection } from "./_assert.ts";
import {
  all,
  events,
  FINAL_KINDS,
  type LogCase,
  readAll,
  readBodies,
  readPage,
} from "./_log_case.ts";
import { BATCH, checkBodies, LAST, makeTraffic } from "./_log_traffic.ts";

/** What `append()` does with entries. */
export const appendCases: readonly LogCase[] = [
  {
    title: "append() numbers entries 1, 2, 3, … and batches in their order",
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
    title: "append() numbers without a hole when clients append at once",
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
    title: "append() draws one epoch when clients are the first at once",
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
    title: "append() shows a batch whole or not at all to who reads meanwhile",
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
    title: "append() keeps the order of the calls, awaited or not",
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
    title: "append() gives times that never decrease, in milliseconds",
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
    title: "append() keeps every kind of entry",
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
    "an entry behind the end",
    (log) => log.append([...one, { kind: "end", body: "" }, ...one]),
    RangeError,
  ],
  [
    "a body that is no string",
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
    "an expectedLast that is no integer",
    (log) => log.append(one, { expectedLast: 0.5 }),
    RangeError,
  ],
  [
    "an expectedLast that is no number",
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
    "an idempotencyKey that is no string",
    (log) => log.append(one, { idempotencyKey: 5 as never }),
    TypeError,
  ],
];
