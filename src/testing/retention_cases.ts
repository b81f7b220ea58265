import type { AppendOptions, EventLog } from "../log/log.ts";
import {
  ages,
  check,
  checkNew,
  checkSame,
  collect,
  comesTrue,
  events,
  goes,
  keeps,
  type LogCase,
  readPage,
  refuses,
  rejects,
  spans,
  wait,
} from "./log_case.ts";

/** What a log stores, and for how long. */
export const retentionCases: LogCase[] = /* @__PURE__ */ collect(
  (it) => {
    it("append() trims to the newest maxEvents entries, and no further", async ({ make }) => {
      const { open } = await make({ maxEvents: 5 });
      const log = open();
      for (const [i, bodies] of ["abcd", "e", "fg", "hijkl"].entries()) {
        await log.append(events(...bodies));
        const last = [4, 5, 7, 12][i]!;
        await spans(open(), Math.max(1, last - 4), last);
      }
      await keeps(open(), [..."hijkl"]);
    });

    it("append() trims to maxBytes of UTF-8, and no further", async ({ make }) => {
      const { open } = await make({ maxBytes: 30 });
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
        await spans(open(), first, last);
      }
    });

    it("append() keeps one append of exactly maxEvents and maxBytes", async ({ make }) => {
      const { open } = await make({ maxEvents: 3, maxBytes: 6 });
      for (const bodies of [["ab", "cd", "ef"], ["€", "", "€"]]) {
        await open().append(events(...bodies));
        await keeps(open(), bodies);
      }
    });

    it("read() returns no entry older than maxAge", async ({ make, patience }) => {
      const { open } = await make({ maxAge: 250 });
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
    });

    it("append() continues from the last number when all entries have expired", async ({ make, patience }) => {
      const { open } = await make({ maxAge: 50 });
      const log = open();
      const { epoch } = await log.append(events("a", "b"));
      await ages(open(), 3, patience);
      await refuses(open(), "conflict", { expectedLast: 0 });
      const position = await open().append(events("c"), { expectedLast: 2 });
      checkSame({ ...position }, { epoch, seq: 3 }, "the position");
      checkSame((await readPage(log, 0)).last, 3, "the last number");
    });

    it("read() returns entries of any age that maxAge allows", async ({ make }) => {
      const { open } = await make({ maxAge: 3_600_000 });
      await open().append(events("a"));
      await wait(30);
      await open().append(events("b"));
      await keeps(open(), ["a", "b"]);
    });
  },
);

/** What `expire()` deletes, and when. */
export const expiryCases: LogCase[] = /* @__PURE__ */ collect((it) => {
  it("expire() deletes entries, numbers and epoch", async ({ make, patience }) => {
    const { open } = await make();
    const log = open();
    const { epoch } = await log.append(events("a", "b"));
    await log.expire(30);
    await goes(open(), patience);
    const next = await open().append(events("c"), { expectedLast: 0 });
    checkNew(next, epoch);
    const page = await readPage(log, 0);
    checkSame([page.epoch, page.last], [next.epoch, 1], "epoch and last");
    await keeps(open(), ["c"]);
  });

  it("expire() deletes idempotency keys", async ({ make, patience }) => {
    const { open } = await make();
    const options = { idempotencyKey: "k" };
    await open().append(events("a", "b"), options);
    await open().expire(30);
    await goes(open(), patience);
    const { seq } = await open().append(events("c"), options);
    checkSame(seq, 1, "the number of the next entry");
    await keeps(open(), ["c"]);
  });

  it("expire() is undone by an append", async ({ make }) => {
    const { open } = await make();
    const ttl = await expireAnd(open(), () => open().append(events("b")));
    await stays(open(), ttl);
  });

  it("expire() is not undone by calls that append nothing", async ({ make, patience }) => {
    const { open } = await make();
    const ttl = await expireAnd(open(), async (options) => {
      await refuses(open(), "conflict", { expectedLast: 70 });
      await open().append(events("a"), options);
    });
    await goes(open(), ttl + patience);
  });

  it("expire() replaces an earlier call", async ({ make, patience }) => {
    const { open } = await make();
    const ttl = await expireAnd(
      open(),
      () => open().expire(3_600_000),
    );
    await stays(open(), ttl);
    await open().expire(1);
    await goes(open(), patience);
  });

  it("expire() of an empty log ends with an append", async ({ make }) => {
    const { open } = await make();
    const log = open();
    await log.expire(30);
    await log.append(events("a"));
    await stays(open(), 30);
    await keeps(open(), ["a"]);
  });

  it("expire() refuses wrong arguments", async ({ make }) => {
    const { open } = await make();
    const log = open();
    await log.append(events("a"));
    for (const ttl of [0, -1, 0.5, NaN, Infinity, 2 ** 31]) {
      await rejects(RangeError, {
        [`a ttl of ${ttl}`]: () => log.expire(ttl),
      });
    }
    await stays(open(), 1);
  });
});

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
export const idleCases: LogCase[] = /* @__PURE__ */ collect((it) => {
  it("idleTtl deletes the log when nothing was appended for that time", async ({ make, patience }) => {
    const { open } = await make(IDLE);
    const log = open();
    const options = { idempotencyKey: "k" };
    const { epoch } = await log.append(events("a", "b"), options);
    await goes(open(), IDLE.idleTtl + patience);
    const next = await log.append(events("c"), options);
    checkNew(next, epoch);
    await keeps(open(), ["c"]);
  });

  it("idleTtl counts from the last append", async ({ make, patience }) => {
    const { open } = await make(IDLE);
    let epochs: Set<string> | undefined;
    for (let attempt = 0; attempt < 10; attempt++) {
      epochs = await appendInTime(open());
      if (epochs !== undefined) break;
    }
    // On an engine or a machine that is always this slow, the case shows nothing.
    if (epochs === undefined) return;
    checkSame(epochs.size, 1, "the number of epochs");
    await goes(open(), IDLE.idleTtl + patience);
  });

  it("idleTtl keeps an open log while it is watched, and no longer", async ({ make, patience }) => {
    const { open } = await make(IDLE);
    const watcher = open();
    const controller = new AbortController();
    const { epoch } = await watcher.append(events("a"));
    watcher.watch(() => {}, controller.signal);
    await wait(IDLE.idleTtl * 3);
    const page = await readPage(open(), 0);
    controller.abort();
    checkSame(page.epoch, epoch, "the epoch");
    await goes(open(), IDLE.idleTtl + patience);
  });

  it("idleTtl deletes a closed log even while it is watched, and not before", async ({ make, patience }) => {
    const { open } = await make(IDLE);
    const log = open();
    const controller = new AbortController();
    await log.append([...events("a"), { kind: "end", body: "" }]);
    await refuses(open(), "closed", {});
    log.watch(() => {}, controller.signal);
    const gone = goes(open(), IDLE.idleTtl + patience);
    await gone.finally(() => controller.abort());
    const { seq } = await open().append(events("b"));
    checkSame(seq, 1, "the number of the next entry");
  });
});
