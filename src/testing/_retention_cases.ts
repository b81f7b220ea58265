import { check, checkSame } from "./_assert.ts";
import {
  comesTrue,
  events,
  type LogCase,
  readBodies,
  readPage,
  refuses,
  wait,
} from "./_log_case.ts";

/** What a log keeps, and for how long. */
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
    title: "append() keeps one append of just maxEvents and maxBytes",
    retention: { maxEvents: 3, maxBytes: 6 },
    async run({ open }) {
      for (const bodies of [["ab", "cd", "ef"], ["€", "", "€"]]) {
        await open().append(events(...bodies));
        checkSame(await readBodies(open()), bodies, "the entries");
      }
    },
  },
  {
    title: "read() gives no entry older than maxAge",
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
      check(gone, "an entry older than maxAge must go: it does not");
    },
  },
  {
    title: "append() goes on from the last number when age took all entries",
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
    title: "read() gives entries of any age that maxAge allows",
    retention: { maxAge: 3_600_000 },
    async run({ open }) {
      await open().append(events("a"));
      await wait(30);
      await open().append(events("b"));
      checkSame(await readBodies(open()), ["a", "b"], "the entries");
    },
  },
];
