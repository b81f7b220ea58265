import type { EventLog, LogPage } from "../log/event_log.ts";
import { check, checkSame, rejection } from "./_assert.ts";
import {
  ALL,
  events,
  type LogCase,
  readAll,
  readBodies,
  readPage,
} from "./_log_case.ts";
import { checkBodies, makeTraffic } from "./_log_traffic.ts";

const KEPT = 7;

/** What `read()` gives. */
export const readCases: readonly LogCase[] = [
  {
    title: "read() of a fresh log gives epoch 0 and writes nothing",
    async run({ open }) {
      for (const log of [open(), open()]) {
        for (const after of [0, 5]) {
          checkSame(bounds(await readPage(log, after)), ["0", 1, 0, 0], "page");
        }
      }
      const { seq } = await open().append(events("x"), { expectedLast: 0 });
      checkSame(seq, 1, "the number of the entry");
    },
  },
  {
    title: "read() gives what is behind the number, and the bounds of the log",
    async run({ open }) {
      const { epoch } = await open().append(events(..."abcde"));
      const log = open();
      for (const after of [0, 1, 4, 5, 6, 1000, Number.MAX_SAFE_INTEGER]) {
        const page = await readPage(log, after);
        const behind = Math.max(0, 5 - after);
        checkSame(bounds(page), [epoch, 1, 5, behind], `page behind ${after}`);
        checkSame(
          page.entries.map(({ body }) => body),
          [..."abcde"].slice(after),
          `the entries behind ${after}`,
        );
      }
    },
  },
  {
    title: "read() gives at most as many entries as the limit says",
    async run({ open }) {
      const bodies = Array.from({ length: 10 }, (_, i) => `${i}`);
      await open().append(events(...bodies));
      for (const entries of [1, 3, 9, 10, 11]) {
        const kept = await readAll(open(), { ...ALL, entries });
        checkSame(kept.map(({ body }) => body), bodies, "the entries");
      }
    },
  },
  {
    title: "read() gives at most as many bytes as the limit says",
    async run({ open }) {
      const bodies = ["aaaa", "", "€€", "bb", "😀😀", "c", "", "dddddddd"];
      await open().append(events(...bodies));
      for (const bytes of [6, 8, 9, 31]) {
        const kept = await readAll(open(), { ...ALL, bytes });
        checkSame(kept.map(({ body }) => body), bodies, "the entries");
      }
    },
  },
  {
    title: "read() gives at least one entry, however big",
    async run({ open }) {
      const bodies = ["a".repeat(5000), "", "€".repeat(5000), "b"];
      await open().append(events(...bodies));
      const kept = await readAll(open(), { entries: 1, bytes: 1 });
      checkSame(kept.map(({ body }) => body), bodies, "the entries");
      checkSame(
        (await readAll(open(), { ...ALL, bytes: 4999 })).length,
        4,
        "n",
      );
    },
  },
  {
    title: "read() gives more than a thousand entries, if need be in pages",
    async run({ open }) {
      const log = open();
      const bodies = Array.from({ length: 1200 }, (_, i) => `${i}`);
      for (let i = 0; i < bodies.length; i += 200) {
        await log.append(events(...bodies.slice(i, i + 200)));
      }
      checkSame(await readBodies(open()), bodies, "the entries");
    },
  },
  {
    title: "read() gives a page of one moment while others append and trim",
    retention: { maxEvents: KEPT },
    async run(scene) {
      const traffic = await makeTraffic(scene);
      const { positions, pages } = traffic;
      for (const { epoch, first, last } of pages) {
        const oldest = Math.max(1, last - KEPT + 1);
        checkSame(first, oldest, `first, where last is ${last}`);
        if (last > 0) checkSame(epoch, positions[0]!.epoch, "the epoch");
      }
      checkBodies(traffic);
    },
  },
  {
    title: "read() gives nothing of another log",
    async run({ open, openOther }) {
      const [log, other] = [open(), await openOther()];
      const options = { idempotencyKey: "k" };
      const { epoch } = await log.append(events("a", "b"), options);
      checkSame(bounds(await readPage(other, 0)), ["0", 1, 0, 0], "page");
      const position = await other.append(events("c"), options);
      checkSame(position.seq, 1, "the number of the other log's entry");
      check(position.epoch !== epoch, `two logs have the epoch ${epoch}`);
      checkSame(await readBodies(log), ["a", "b"], "the entries");
      checkSame(await readBodies(other), ["c"], "the other log's entries");
    },
  },
  {
    title: "read() refuses wrong arguments",
    async run({ open }) {
      const log = open();
      await log.append(events("x"));
      for (const [what, read] of wrongReads) {
        const reason = await rejection(() => read(log), what);
        check(reason instanceof RangeError, `${what} gave ${reason}`);
      }
    },
  },
];

function bounds({ epoch, first, last, entries }: LogPage) {
  return [epoch, first, last, entries.length];
}

type WrongRead = readonly [string, (log: EventLog) => Promise<unknown>];

const wrongReads: readonly WrongRead[] = [
  ["a number below 0", (log) => log.read(-1, ALL)],
  ["a number that is no integer", (log) => log.read(0.5, ALL)],
  ["a limit of no entry", (log) => log.read(0, { ...ALL, entries: 0 })],
  ["a limit of half an entry", (log) => log.read(0, { ...ALL, entries: 0.5 })],
  ["a limit of no byte", (log) => log.read(0, { ...ALL, bytes: 0 })],
];
