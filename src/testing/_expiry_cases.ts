import type { EventLog } from "../log/event_log.ts";
import { check, checkSame, rejection } from "./_assert.ts";
import {
  comesTrue,
  events,
  type LogCase,
  readBodies,
  readPage,
  refuses,
  wait,
} from "./_log_case.ts";

/** What `expire()` lets go, and when. */
export const expiryCases: readonly LogCase[] = [
  {
    title: "expire() lets entries, numbers and epoch go",
    async run({ open, patience }) {
      const log = open();
      const { epoch } = await log.append(events("a", "b"));
      await log.expire(30);
      await goes(open(), patience);
      const next = await open().append(events("c"), { expectedLast: 0 });
      checkSame(next.seq, 1, "the number of the next entry");
      check(next.epoch !== epoch, `the epoch must be another: it is ${epoch}`);
      const page = await readPage(log, 0);
      checkSame([page.epoch, page.last], [next.epoch, 1], "epoch and last");
      checkSame(await readBodies(open()), ["c"], "the entries");
    },
  },
  {
    title: "expire() lets idempotency keys go",
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
      const log = open();
      await log.append(events("a"));
      const ttl = await expireAnd(log, () => open().append(events("b")));
      await stays(open(), ttl);
    },
  },
  {
    title: "expire() is not undone by what appends nothing",
    async run({ open, patience }) {
      const log = open();
      const options = { idempotencyKey: "k" };
      await log.append(events("a"), options);
      const ttl = await expireAnd(log, async () => {
        await refuses(open(), "conflict", { expectedLast: 7 });
        await open().append(events("a"), options);
      });
      await goes(open(), ttl + patience);
    },
  },
  {
    title: "expire() takes the place of an earlier call",
    async run({ open, patience }) {
      const log = open();
      await log.append(events("a"));
      const ttl = await expireAnd(log, async () => {
        await open().expire(3_600_000);
        if ((await readPage(log, 0)).last === 0) await log.append(events("a"));
      });
      await stays(open(), ttl);
      await open().expire(1);
      await goes(open(), patience);
    },
  },
  {
    title: "expire() of an empty log does not outlive an append",
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

/** Throws unless the log becomes as if it had never been. */
async function goes(log: EventLog, patience: number): Promise<void> {
  const gone = async () => (await readPage(log, 0)).epoch === "0";
  check(await comesTrue(gone, patience), "the log must go: it is still there");
}

/** Throws unless the log is the same when the time is well over. */
async function stays(log: EventLog, ttl: number): Promise<void> {
  const before = await readPage(log, 0);
  await wait(ttl + 50);
  const { epoch, last } = await readPage(log, 0);
  checkSame([epoch, last], [before.epoch, before.last], "epoch and last");
  check(last > 0, "the log must be there: it is gone");
}

/** Does something after `expire()` and surely before the time is over, however slow the engine is. */
async function expireAnd(
  log: EventLog,
  act: () => Promise<unknown>,
): Promise<number> {
  for (let ttl = 100;; ttl *= 3) {
    const start = Date.now();
    await log.expire(ttl);
    await act();
    if (Date.now() - start < ttl) return ttl;
  }
}
