import { MemoryLog } from "../../src/log/memory.ts";
import {
  pages,
  readWhole,
  wait,
  wrong,
  wrongClients,
  type WrongLog,
  wrongLog,
  wrongRetention,
} from "./_wrong.ts";

const reads: readonly WrongLog[] = [
  wrong(
    "loses an entry in a page",
    "read() returns the entries after the number, and the bounds of the log",
    "the number of a page's entry 1 must be 2: received 3",
    pages(({ entries }) => ({ entries: entries.filter((_, i) => i !== 1) })),
  ),
  wrong(
    "loses the last entry of a page",
    "read() returns the entries after the number, and the bounds of the log",
    "page after 0 must be",
    pages(({ entries }) => ({
      entries: entries.length > 1 ? entries.slice(0, -1) : entries,
    })),
  ),
  wrong(
    "includes the entry that the page starts after",
    "read() returns the entries after the number, and the bounds of the log",
    "the number of a page's entry 0 must be 2: received 1",
    (log) => ({
      read: (after, limit) => log.read(Math.max(0, after - 1), limit),
    }),
  ),
  wrong(
    "returns a body under another number",
    "read() returns the entries after the number, and the bounds of the log",
    "the entries after 0 must be",
    pages(({ entries }) => ({
      entries: entries.map((entry, i) => ({
        ...entry,
        body: entries[i ^ 1]?.body ?? entry.body,
      })),
    })),
  ),
  wrong(
    "returns the last entry of the page as the last of the log",
    "read() returns the entries after the number, and the bounds of the log",
    "page after 6 must be",
    pages(({ entries }, after) => ({ last: entries.at(-1)?.seq ?? after })),
  ),
  wrong(
    "chooses an epoch when it is read",
    "read() of a new log returns epoch 0 and writes nothing",
    'the epoch must be "0" as long as nothing has been appended',
    pages(({ epoch }) => ({ epoch: epoch === "0" ? "drawn" : epoch })),
  ),
  wrong(
    "appends when it is first read",
    "read() of a new log returns epoch 0 and writes nothing",
    "page must be",
    (log) => ({
      async read(after, limit) {
        if ((await readWhole(log)).last === 0) {
          await log.append([{ kind: "begin", body: "" }]);
        }
        return log.read(after, limit);
      },
    }),
  ),
  wrong(
    "writes epochs in upper case",
    "read() returns the entries after the number, and the bounds of the log",
    "the epoch must be 1 to 32 of 0-9a-z",
    pages(({ epoch }) => ({ epoch: `E${epoch}` })),
  ),
  wrong(
    "ignores the limit of entries",
    "read() returns at most the limit of entries",
    "a page must have at most 1 entries: it has 10",
    (log) => ({
      read: (after, { bytes }) => log.read(after, { entries: 1000, bytes }),
    }),
  ),
  wrong(
    "ignores the limit of bytes",
    "read() returns at most the limit of bytes",
    "a page of more than one entry must have at most 6 bytes: it has 29",
    (log) => ({
      read: (after, { entries }) => log.read(after, { entries, bytes: 1000 }),
    }),
  ),
  wrong(
    "never returns an entry that is larger than the limit",
    "read() returns at least one entry, of any size",
    "a page after 0 must have an entry",
    (log) => ({
      async read(after, limit) {
        const page = await log.read(after, limit);
        const isSmall = (page.entries[0]?.body.length ?? 0) <= limit.bytes;
        return { ...page, entries: isSmall ? page.entries : [] };
      },
    }),
  ),
  wrong(
    "returns at most a thousand entries",
    "read() returns more than a thousand entries, in pages if necessary",
    "a page after 1000 must have an entry",
    pages(({ entries }) => ({
      entries: entries.filter(({ seq }) => seq <= 1000),
    })),
  ),
  wrong(
    "accepts wrong arguments",
    "read() refuses wrong arguments",
    "a number below 0 must be refused: it was not",
    (log) => ({
      read: (after, limit) => log.read(Math.max(0, after), limit),
    }),
  ),
  oneForAll(),
];

function oneForAll(): WrongLog {
  let log: MemoryLog | undefined;
  return wrongLog(
    [
      "is the same log under every name",
      "read() returns nothing of another log",
      "page must be",
    ],
    (retention) => () => log ??= new MemoryLog(retention),
  );
}

const tornTitle =
  "read() returns a consistent page while others append and trim";
const snapshots: readonly WrongLog[] = [
  wrong(
    "reads the bounds, then the entries",
    tornTitle,
    "must",
    (log) => ({
      async read(after, limit) {
        const { first, last } = await readWhole(log);
        await wait(2);
        return { ...await log.read(after, limit), first, last };
      },
    }),
  ),
  wrong(
    "reads the entries, then the bounds",
    tornTitle,
    "must",
    (log) => ({
      async read(after, limit) {
        const page = await log.read(after, limit);
        await wait(2);
        const { first, last } = await readWhole(log);
        return { ...page, first, last };
      },
    }),
  ),
  wrong(
    "reads the first number before the rest",
    tornTitle,
    "must",
    (log) => ({
      async read(after, limit) {
        const { first } = await readWhole(log);
        await wait(2);
        const page = await log.read(after, limit);
        const entries = page.entries.filter(({ seq }) => seq >= first);
        return { ...page, first, entries };
      },
    }),
  ),
  wrong(
    "reads the entries one by one, the newest first, while they are trimmed",
    tornTitle,
    "must",
    (log) => ({
      async read(after, limit) {
        const page = await log.read(after, limit);
        const entries = [];
        for (const { seq } of [...page.entries].reverse()) {
          const now = await log.read(seq - 1, { entries: 1, bytes: 1 });
          if (now.entries[0]?.seq === seq) entries.unshift(now.entries[0]);
          await wait(1);
        }
        return { ...page, entries };
      },
    }),
  ),
];

const retention: readonly WrongLog[] = [
  wrongRetention(
    "keeps about maxEvents",
    "append() trims to the newest maxEvents entries, and no further",
    "first and last must be [3,7]: received [1,7]",
    ({ maxEvents }) => ({ maxEvents: maxEvents! + 2 }),
  ),
  wrongRetention(
    "evicts too early",
    "append() trims to the newest maxEvents entries, and no further",
    "first and last must be [1,5]: received [2,5]",
    ({ maxEvents }) => ({ maxEvents: maxEvents! - 1 }),
  ),
  wrong(
    "evicts silently",
    "append() trims to the newest maxEvents entries, and no further",
    "the number of a page's entry 0 must be 1: received 3",
    pages(() => ({ first: 1 })),
  ),
  wrongRetention(
    "ignores maxBytes",
    "append() trims to maxBytes of UTF-8, and no further",
    "first and last must be [2,6]: received [1,6]",
    () => ({ maxBytes: 1000 }),
  ),
  wrong(
    "counts code units instead of bytes",
    "append() trims to maxBytes of UTF-8, and no further",
    "first and last must be",
    (log) => ({
      append: (entries, options) =>
        log.append(
          entries.map(({ kind, body }) => ({
            kind,
            body: "x".repeat(body.length),
          })),
          options,
        ),
    }),
  ),
  wrongRetention(
    "retains less than one append may contain",
    "append() keeps one append of exactly maxEvents and maxBytes",
    "Cannot append",
    ({ maxBytes }) => ({ maxBytes: maxBytes! - 1 }),
  ),
  wrongRetention(
    "ignores maxAge",
    "read() returns no entry older than maxAge",
    "an entry older than maxAge must be deleted: it is still there",
    () => ({ maxAge: undefined }),
  ),
  wrong(
    "starts at 1 again after all entries expired by age",
    "append() continues from the last number when all entries have expired",
    "must",
    pages(({ first, last }) => first > last ? { first: 1, last: 0 } : {}),
  ),
  wrongRetention(
    "uses a shorter maxAge",
    "read() returns entries of any age that maxAge allows",
    "the entries must be",
    ({ maxAge }) => ({ maxAge: Math.ceil(maxAge! / 1_000_000) }),
  ),
];

const expiry: readonly WrongLog[] = [
  wrong(
    "never expires",
    "expire() deletes entries, numbers and epoch",
    "the log must expire: it is still there",
    () => ({ expire: () => Promise.resolve() }),
  ),
  wrong(
    "keeps its epoch when it has expired",
    "expire() deletes entries, numbers and epoch",
    "the epoch must be new",
    (log) => {
      let kept: string | undefined;
      return {
        ...pages(({ epoch, last }) => last ? { epoch: kept! } : { epoch })(log),
        async append(entries, options) {
          const { epoch, seq } = await log.append(entries, options);
          return { epoch: kept ??= epoch, seq };
        },
      };
    },
  ),
  wrong(
    "keeps its numbers when it has expired",
    "expire() deletes entries, numbers and epoch",
    "the log must expire: it is still there",
    (log) => ({
      async expire() {
        const { last } = await readWhole(log);
        await log.append([{ kind: "beat", body: `${last}` }]);
      },
    }),
  ),
  wrong(
    "keeps its keys when it has expired",
    "expire() deletes idempotency keys",
    "the number of the next entry must be 1: received 2",
    (log) => {
      let known: ReturnType<typeof log.append> | undefined;
      return { append: (entries) => known ??= log.append(entries) };
    },
  ),
  wrong(
    "expires in spite of an append",
    "expire() is undone by an append",
    "epoch and last must be",
    (log) => {
      let end = Infinity;
      return {
        expire: (ttl) => log.expire((end = Date.now() + ttl, ttl)),
        async append(entries, options) {
          const position = await log.append(entries, options);
          if (end !== Infinity) await log.expire(Math.max(1, end - Date.now()));
          return position;
        },
      };
    },
  ),
  wrong(
    "does not expire after an append that stored nothing",
    "expire() is not undone by calls that append nothing",
    "the log must expire: it is still there",
    (log) => ({
      append: (entries, options) =>
        log.append(entries, options).finally(() => log.expire(2 ** 31 - 1)),
    }),
  ),
  wrong(
    "keeps the first expiry time it received",
    "expire() replaces an earlier call",
    "epoch and last must be",
    (log) => {
      let end = Infinity;
      return {
        expire(ttl) {
          end = Math.min(end, Date.now() + ttl);
          return log.expire(Math.max(1, end - Date.now()));
        },
      };
    },
  ),
  wrong(
    "expires an append that came after the call",
    "expire() of an empty log ends with an append",
    "epoch and last must be",
    (log) => {
      let ttl: number | undefined;
      return {
        expire: (milliseconds) => Promise.resolve(void (ttl = milliseconds)),
        async append(entries, options) {
          const position = await log.append(entries, options);
          if (ttl !== undefined) await log.expire(ttl);
          return position;
        },
      };
    },
  ),
  wrong(
    "accepts a ttl of 0",
    "expire() refuses wrong arguments",
    "a ttl of 0 must be refused: it was not",
    (log) => ({
      expire: (ttl) => ttl === 0 ? Promise.resolve() : log.expire(ttl),
    }),
  ),
];

const wakesTitle =
  "watch() wakes for another client's append when it can be read";
const watches: readonly WrongLog[] = [
  wrong(
    "wakes before the entries are durable",
    wakesTitle,
    "a watcher must be woken when an append can be read",
    (log) => {
      const wakes = new Set<() => void>();
      return {
        watch: (wake) => void wakes.add(wake),
        async append(entries, options) {
          for (const wake of wakes) wake();
          await wait(2);
          return log.append(entries, options);
        },
      };
    },
  ),
  wrong(
    "wakes no watcher",
    "watch() wakes for the client's own append when it can be read",
    "a watcher must be woken when an append can be read",
    () => ({ watch() {} }),
  ),
  wrongClients(
    "wakes watchers of the same client only",
    wakesTitle,
    "a watcher must be woken when an append can be read",
    (log) => {
      const wakes = new Set<() => void>();
      return {
        watch: (wake) => void wakes.add(wake),
        async append(entries, options) {
          const position = await log.append(entries, options);
          for (const wake of wakes) wake();
          return position;
        },
      };
    },
  ),
  wrong(
    "wakes once",
    wakesTitle,
    "a watcher must be woken when an append can be read",
    (log) => ({
      watch(wake) {
        const controller = new AbortController();
        log.watch(() => {
          controller.abort();
          wake();
        }, controller.signal);
      },
    }),
  ),
  wrong(
    "wakes whom it should not any more",
    "watch() wakes no watcher whose signal has aborted",
    "the number of wake-ups after the abort must be 0",
    (log) => ({
      watch: (wake) => log.watch(wake, new AbortController().signal),
    }),
  ),
  wrong(
    "throws at a signal that has aborted",
    "watch() wakes no watcher whose signal has aborted",
    "aborted",
    (log) => ({
      watch(wake, signal) {
        signal.throwIfAborted();
        log.watch(wake, signal);
      },
    }),
  ),
  wrong(
    "stops a function rather than a watcher",
    "watch() stops one of two watchers that share a function",
    "the watcher that was not stopped must be woken",
    (log) => {
      const wakes = new Set<() => void>();
      return {
        watch(wake, signal) {
          wakes.add(wake);
          signal.addEventListener("abort", () => wakes.delete(wake));
        },
        async append(entries, options) {
          const position = await log.append(entries, options);
          for (const wake of wakes) wake();
          return position;
        },
      };
    },
  ),
];

const idle: readonly WrongLog[] = [
  wrongRetention(
    "never deletes an idle log",
    "idleTtl deletes the log when nothing was appended for that time",
    "the log must expire",
    () => ({ idleTtl: undefined }),
  ),
  wrong(
    "counts from the first append",
    "idleTtl counts from the last append",
    "the number of epochs",
    (log) => {
      let end = 0;
      return {
        async append(entries, options) {
          if (Date.now() >= end) end = Date.now() + 600;
          const position = await log.append(entries, options);
          await log.expire(Math.max(1, end - Date.now()));
          return position;
        },
      };
    },
  ),
  wrong(
    "does not count watchers",
    "idleTtl keeps an open log while it is watched, and no longer",
    "the epoch",
    () => ({ watch() {} }),
  ),
  wrong(
    "keeps what has ended while it is watched",
    "idleTtl deletes a closed log even while it is watched, and not before",
    "the log must expire",
    (log) => ({
      watch(_, signal) {
        const timer = setInterval(() => log.expire(600), 100);
        signal.addEventListener("abort", () => clearInterval(timer));
      },
    }),
  ),
];

/** Logs that read, trim, expire or wake wrongly, and at least one for every case about these. */
export const wrongReads: readonly WrongLog[] = [
  ...reads,
  ...snapshots,
  ...retention,
  ...expiry,
  ...idle,
  ...watches,
];
