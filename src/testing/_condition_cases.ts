import { checkSame } from "./_assert.ts";
import {
  all,
  checkCode,
  checkRepeat,
  events,
  type LogCase,
  readBodies,
  readPage,
  refuses,
  wait,
} from "./_log_case.ts";

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
    title: "append() with expectedLast leaves no key behind when it conflicts",
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
    title: "append() with a key that is known gives the first position",
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
    title: "append() with a key that is known does not look at expectedLast",
    async run({ open }) {
      const options = { idempotencyKey: "k", expectedLast: 0 };
      const first = await open().append(events("a"), options);
      const retried = await open().append(events("a"), options);
      checkRepeat(retried, first);
      checkSame(await readBodies(open()), ["a"], "the entries");
    },
  },
  {
    title: "append() with one key from many clients at once appends once",
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
        checkSame(isNew.length, 1, "the appends that are no repeat");
      }
      checkSame(
        await readBodies(open()),
        ["k1", "k2", "k3", "k4"],
        "the entries",
      );
    },
  },
  {
    title: "append() with a key knows it when the entry is trimmed",
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
    title: "append() with a key tells it from every other",
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
    title: "append() with a key has forgotten it after idempotencyTtl",
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
