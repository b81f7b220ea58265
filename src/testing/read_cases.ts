import type { EventLog, LogPage } from "../log/log.ts";
import {
  ALL,
  check,
  checkBodies,
  checkSame,
  collect,
  comesTrue,
  events,
  keeps,
  type LogCase,
  makeTraffic,
  readAll,
  readPage,
  rejects,
  wait,
} from "./log_case.ts";

const KEPT = 7;

/** What `read()` returns. */
export const readCases: LogCase[] = /* @__PURE__ */ collect((it) => {
  it("read() of a new log returns epoch 0 and writes nothing", async ({ make }) => {
    const { open } = await make();
    for (const log of [open(), open()]) {
      for (const after of [0, 5]) {
        checkSame(bounds(await readPage(log, after)), ["0", 1, 0, 0], "page");
      }
    }
    const { seq } = await open().append(events("x"), { expectedLast: 0 });
    checkSame(seq, 1, "the number of the entry");
  });

  it("read() returns the entries after the number, and the bounds of the log", async ({ make }) => {
    const { open } = await make();
    const { epoch } = await open().append(events(..."abcde"));
    const log = open();
    for (const after of [0, 1, 4, 5, 6, 1000, Number.MAX_SAFE_INTEGER]) {
      const page = await readPage(log, after);
      const behind = Math.max(0, 5 - after);
      checkSame(bounds(page), [epoch, 1, 5, behind], `page after ${after}`);
      checkSame(
        page.entries.map(({ body }) => body),
        [..."abcde"].slice(after),
        `the entries after ${after}`,
      );
    }
  });

  it("read() returns at most the limit of entries", async ({ make }) => {
    const { open } = await make();
    const bodies = Array.from({ length: 10 }, (_, i) => `${i}`);
    await open().append(events(...bodies));
    for (const entries of [1, 3, 9, 10, 11]) {
      const kept = await readAll(open(), { ...ALL, entries });
      checkSame(kept.map(({ body }) => body), bodies, "the entries");
    }
  });

  it("read() returns at most the limit of bytes", async ({ make }) => {
    const { open } = await make();
    const bodies = ["aaaa", "", "€€", "bb", "😀😀", "c", "", "dddddddd"];
    await open().append(events(...bodies));
    for (const bytes of [6, 8, 9, 31]) {
      const kept = await readAll(open(), { ...ALL, bytes });
      checkSame(kept.map(({ body }) => body), bodies, "the entries");
    }
  });

  it("read() returns at least one entry, of any size", async ({ make }) => {
    const { open } = await make();
    const bodies = ["a".repeat(5000), "", "€".repeat(5000), "b"];
    await open().append(events(...bodies));
    const kept = await readAll(open(), { entries: 1, bytes: 1 });
    checkSame(kept.map(({ body }) => body), bodies, "the entries");
    checkSame(
      (await readAll(open(), { ...ALL, bytes: 4999 })).length,
      4,
      "n",
    );
  });

  it("read() returns more than a thousand entries, in pages if necessary", async ({ make }) => {
    const { open } = await make();
    const log = open();
    const bodies = Array.from({ length: 1200 }, (_, i) => `${i}`);
    for (let i = 0; i < bodies.length; i += 200) {
      await log.append(events(...bodies.slice(i, i + 200)));
    }
    await keeps(open(), bodies);
  });

  it("read() returns a consistent page while others append and trim", async ({ make }) => {
    const traffic = await makeTraffic(await make({ maxEvents: KEPT }));
    const { positions, pages } = traffic;
    for (const { epoch, first, last } of pages) {
      const oldest = Math.max(1, last - KEPT + 1);
      checkSame(first, oldest, `first, where last is ${last}`);
      if (last > 0) checkSame(epoch, positions[0]!.epoch, "the epoch");
    }
    checkBodies(traffic);
  });

  it("read() returns nothing of another log", async ({ make }) => {
    const { open } = await make();
    const [log, other] = [open(), (await make()).open()];
    const options = { idempotencyKey: "k" };
    const { epoch } = await log.append(events("a", "b"), options);
    checkSame(bounds(await readPage(other, 0)), ["0", 1, 0, 0], "page");
    const position = await other.append(events("c"), options);
    checkSame(position.seq, 1, "the number of the other log's entry");
    check(position.epoch !== epoch, `two logs have the epoch ${epoch}`);
    await keeps(log, ["a", "b"]);
    await keeps(other, ["c"]);
  });

  it("read() refuses wrong arguments", async ({ make }) => {
    const { open } = await make();
    const log = open();
    await log.append(events("x"));
    await rejects(RangeError, {
      "a number below 0": () => log.read(-1, ALL),
      "a number that is not an integer": () => log.read(0.5, ALL),
      "a limit of no entry": () => log.read(0, { ...ALL, entries: 0 }),
      "a limit of half an entry": () => log.read(0, { ...ALL, entries: 0.5 }),
      "a limit of no byte": () => log.read(0, { ...ALL, bytes: 0 }),
    });
  });
});

function bounds({ epoch, first, last, entries }: LogPage) {
  return [epoch, first, last, entries.length];
}

/** Which watchers `watch()` wakes, and when. */
export const watchCases: LogCase[] = /* @__PURE__ */ collect((it) => {
  it("watch() wakes for another client's append when it can be read", async ({ make, patience }) => {
    const { open } = await make();
    await wakesFor(open(), open(), patience);
  });

  it("watch() wakes for the client's own append when it can be read", async ({ make, patience }) => {
    const { open } = await make();
    const log = open();
    await wakesFor(log, log, patience);
  });

  it("watch() wakes no watcher whose signal has aborted", async ({ make, patience }) => {
    const { open } = await make();
    const log = open();
    const [before, after] = [new AbortController(), new AbortController()];
    before.abort();
    let wrong = 0;
    log.watch(() => wrong++, before.signal);
    log.watch(() => wrong += after.signal.aborted ? 1 : 0, after.signal);
    await wakesFor(log, open(), patience);
    after.abort();
    await wakesFor(log, open(), patience);
    await wait(10);
    checkSame(wrong, 0, "the number of wake-ups after the abort");
  });

  it("watch() stops one of two watchers that share a function", async ({ make, patience }) => {
    const { open } = await make();
    const log = open();
    const [stopped, going] = [new AbortController(), new AbortController()];
    let woken = false;
    const wake = () => void (woken = true);
    log.watch(wake, stopped.signal);
    log.watch(wake, going.signal);
    stopped.abort();
    const isWoken = await wakes(() => woken, open(), patience);
    going.abort();
    check(isWoken, "the watcher that was not stopped must be woken");
  });
});

/** Throws unless a watcher that reads only when it is woken sees every append. */
async function wakesFor(
  log: EventLog,
  writer: EventLog,
  patience: number,
): Promise<void> {
  const controller = new AbortController();
  const reader = new WokenReader(log);
  log.watch(() => reader.wake(), controller.signal);
  try {
    for (let i = 0; i < 2; i++) {
      const isWoken = await wakes(
        (seq) => reader.hasSeen(seq),
        writer,
        patience,
      );
      check(isWoken, "a watcher must be woken when an append can be read");
    }
  } finally {
    controller.abort();
    await reader.idle;
  }
}

/**
 * Appends once and returns whether the watcher sees it within `patience`, since no notification may be lost for good.
 */
async function wakes(
  hasEffect: (seq: number) => boolean,
  writer: EventLog,
  patience: number,
): Promise<boolean> {
  const { seq } = await writer.append(events("x"));
  return await comesTrue(() => hasEffect(seq), patience);
}

/** Reads when it is woken, and once more if it was woken while reading. */
class WokenReader {
  /** Settled while nothing is being read. Never rejects. */
  idle: Promise<void> = Promise.resolve();
  readonly #log: EventLog;
  #woken = false;
  #last = 0;
  #failure: { readonly reason: unknown } | undefined;

  constructor(log: EventLog) {
    this.#log = log;
  }

  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.idle = this.idle.then(() => this.#read())
      .catch((reason) => void (this.#failure = { reason }));
  }

  hasSeen(seq: number): boolean {
    if (this.#failure !== undefined) throw this.#failure.reason;
    return this.#last >= seq;
  }

  async #read(): Promise<void> {
    this.#woken = false;
    this.#last = (await readPage(this.#log, this.#last)).last;
  }
}
