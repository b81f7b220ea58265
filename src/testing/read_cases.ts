import type { EventLog, LogPage } from "../log/log.ts";
import {
  ALL,
  check,
  checkBodies,
  checkSame,
  comesTrue,
  events,
  type LogCase,
  makeTraffic,
  readAll,
  readBodies,
  readPage,
  rejection,
  wait,
} from "./log_case.ts";

const KEPT = 7;

/** What `read()` returns. */
export const readCases: readonly LogCase[] = [
  {
    title: "read() of a new log returns epoch 0 and writes nothing",
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
    title:
      "read() returns the entries after the number, and the bounds of the log",
    async run({ open }) {
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
    },
  },
  {
    title: "read() returns at most the limit of entries",
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
    title: "read() returns at most the limit of bytes",
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
    title: "read() returns at least one entry, of any size",
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
    title: "read() returns more than a thousand entries, in pages if necessary",
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
    title: "read() returns a consistent page while others append and trim",
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
    title: "read() returns nothing of another log",
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
  ["a number that is not an integer", (log) => log.read(0.5, ALL)],
  ["a limit of no entry", (log) => log.read(0, { ...ALL, entries: 0 })],
  ["a limit of half an entry", (log) => log.read(0, { ...ALL, entries: 0.5 })],
  ["a limit of no byte", (log) => log.read(0, { ...ALL, bytes: 0 })],
];

const TEXTS: readonly string[] = [
  ...["", " ", "  padded\t ", "\n", "\r\n", "\r", "a\nb\n\n", "\0", "a\0b"],
  ...["\x1b\x7f\x80", "\ufeffmark", "\ufffd", "\uffff", "\u2028\u2029"],
  ...["é", "e\u0301", "你好，世界", "😀", "👩\u200d🚀", "\u{10ffff}"],
  ...["null", "undefined", "true", "0", "007", "-0", "1e3", "{}", "[1]", "'"],
  ...['"', "\\", "\\n", '{"a":"\\u0000"}', "a=b&c=%20+", "<b>", "$1 %s {0}"],
  ...["event: a\ndata: b\n\n", "__proto__", "*", "$-1\r\n", ":1\r\n"],
];

/** What a log does with the text of an entry. */
export const textCases: readonly LogCase[] = [
  {
    title: "append() stores any text unchanged",
    async run({ open }) {
      await open().append(events(...TEXTS));
      const kept = await readAll(open());
      for (const [i, text] of TEXTS.entries()) {
        checkSame(kept[i]?.body, text, `the body of entry ${i + 1}`);
      }
    },
  },
  {
    title: "append() stores texts of more than 64 KiB",
    async run({ open }) {
      const log = open();
      // The emoji cross every power of two bytes.
      const texts = ["x".repeat(65_537), "界".repeat(65_537)]
        .concat(`a${"😀".repeat(20_000)}`, "\n".repeat(65_536));
      for (const text of texts) await log.append(events(text));
      await checkTexts(open(), texts);
    },
  },
  {
    title: "append() stores a text of 1 MiB, or refuses it as a whole",
    async run({ open }) {
      const log = open();
      const text = "0123456789abcdef".repeat(65_536);
      if (await accepts(log, text)) return await checkTexts(open(), [text]);
      checkSame((await readPage(open(), 0)).last, 0, "the last number");
    },
  },
];

async function accepts(log: EventLog, text: string): Promise<boolean> {
  const append = log.append(events(text));
  const accepted = await append.then(() => true, () => false);
  if (!accepted) {
    const reason = await rejection(() => append, "the text");
    check(reason instanceof RangeError, `a text too long gave ${reason}`);
  }
  return accepted;
}

/** Throws unless the log returns these texts, in one page and in pages of 64 KiB. */
async function checkTexts(
  log: EventLog,
  texts: readonly string[],
): Promise<void> {
  for (const bytes of [ALL.bytes, 65_536]) {
    const kept = await readAll(log, { ...ALL, bytes });
    for (const [i, text] of texts.entries()) {
      const [name, body] = [`entry ${i + 1}`, kept[i]?.body];
      const [length, wanted] = [body?.length, text.length];
      check(
        body === text,
        `${name} must have its text of ${wanted} code units: it has ${length}`,
      );
    }
    checkSame(kept.length, texts.length, "the number of entries");
  }
}

/** Which watchers `watch()` wakes, and when. */
export const watchCases: readonly LogCase[] = [
  {
    title: "watch() wakes for another client's append when it can be read",
    run: ({ open, patience }) => wakesFor(open(), open(), patience),
  },
  {
    title: "watch() wakes for the client's own append when it can be read",
    async run({ open, patience }) {
      const log = open();
      await wakesFor(log, log, patience);
    },
  },
  {
    title: "watch() wakes no watcher whose signal has aborted",
    async run({ open, patience }) {
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
    },
  },
  {
    title: "watch() stops one of two watchers that share a function",
    async run({ open, patience }) {
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
    },
  },
];

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
