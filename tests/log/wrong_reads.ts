import type { EventLog } from "../../src/log/log.ts";
import { pause } from "../../tools/pause.ts";
import {
  after,
  before,
  bodies,
  type Defects,
  pages,
  positions,
  readWhole,
  retained,
} from "./_wrong.ts";

let sharedLog: EventLog | undefined;

const reads: Defects = {
  "read() returns the entries after the number, and the bounds of the log": {
    "the number of a page's entry 1 must be 2: received 3": {
      "loses an entry in a page": pages(({ entries }) => ({
        entries: entries.filter((_, i) => i !== 1),
      })),
    },
    "page after 0 must be": {
      "loses the last entry of a page": pages(({ entries }) => ({
        entries: entries.length > 1 ? entries.slice(0, -1) : entries,
      })),
    },
    "the number of a page's entry 0 must be 2: received 1": {
      "includes the entry that the page starts after": (log) => ({
        read: (after, limit) => log.read(Math.max(0, after - 1), limit),
      }),
    },
    "the entries after 0 must be": {
      "returns a body under another number": pages(({ entries }) => ({
        entries: entries.map((entry, i) => ({
          ...entry,
          body: entries[i ^ 1]?.body ?? entry.body,
        })),
      })),
    },
    "page after 6 must be": {
      "returns the last entry of the page as the last of the log": pages(
        ({ entries }, after) => ({ last: entries.at(-1)?.seq ?? after }),
      ),
    },
    "the epoch must be 1 to 32 of 0-9a-z": {
      "writes epochs in upper case": pages(({ epoch }) => ({
        epoch: `E${epoch}`,
      })),
    },
  },
  "read() of a new log returns epoch 0 and writes nothing": {
    'the epoch must be "0" as long as nothing has been appended': {
      "chooses an epoch when it is read": pages(({ epoch }) => ({
        epoch: epoch === "0" ? "drawn" : epoch,
      })),
    },
    "page must be": {
      "appends when it is first read": (log) => ({
        async read(after, limit) {
          if ((await readWhole(log)).last === 0) {
            await log.append([{ kind: "begin", body: "" }]);
          }
          return log.read(after, limit);
        },
      }),
    },
  },
  "read() returns at most the limit of entries": {
    "a page must have at most 1 entries: it has 10": {
      "ignores the limit of entries": (log) => ({
        read: (after, { bytes }) => log.read(after, { entries: 1000, bytes }),
      }),
    },
  },
  "read() returns at most the limit of bytes": {
    "a page of more than one entry must have at most 6 bytes: it has 29": {
      "ignores the limit of bytes": (log) => ({
        read: (after, { entries }) => log.read(after, { entries, bytes: 1000 }),
      }),
    },
  },
  "read() returns at least one entry, of any size": {
    "a page after 0 must have an entry": {
      "never returns an entry that is larger than the limit": (log) => ({
        async read(after, limit) {
          const page = await log.read(after, limit);
          const isSmall = (page.entries[0]?.body.length ?? 0) <= limit.bytes;
          return { ...page, entries: isSmall ? page.entries : [] };
        },
      }),
    },
  },
  "read() returns more than a thousand entries, in pages if necessary": {
    "a page after 1000 must have an entry": {
      "returns at most a thousand entries": pages(({ entries }) => ({
        entries: entries.filter(({ seq }) => seq <= 1000),
      })),
    },
  },
  "read() refuses wrong arguments": {
    "a number below 0 must be refused: it was not": {
      "accepts wrong arguments": (log) => ({
        read: (after, limit) => log.read(Math.max(0, after), limit),
      }),
    },
  },
  "read() returns nothing of another log": {
    "page must be": {
      "is the same log under every name": (log) => sharedLog ??= log,
    },
  },
  "read() returns a consistent page while others append and trim": {
    must: {
      "reads the bounds, then the entries": (log) => ({
        async read(after, limit) {
          const { first, last } = await readWhole(log);
          await pause(2);
          return { ...await log.read(after, limit), first, last };
        },
      }),
      "reads the entries, then the bounds": (log) => ({
        async read(after, limit) {
          const page = await log.read(after, limit);
          await pause(2);
          const { first, last } = await readWhole(log);
          return { ...page, first, last };
        },
      }),
      "reads the first number before the rest": (log) => ({
        async read(after, limit) {
          const { first } = await readWhole(log);
          await pause(2);
          const page = await log.read(after, limit);
          const entries = page.entries.filter(({ seq }) => seq >= first);
          return { ...page, first, entries };
        },
      }),
      "reads the entries one by one, the newest first, while they are trimmed":
        (log) => ({
          async read(after, limit) {
            const page = await log.read(after, limit);
            const entries = [];
            for (const { seq } of [...page.entries].reverse()) {
              const now = await log.read(seq - 1, { entries: 1, bytes: 1 });
              if (now.entries[0]?.seq === seq) entries.unshift(now.entries[0]);
              await pause(1);
            }
            return { ...page, entries };
          },
        }),
    },
  },
};

const retention: Defects = {
  "append() trims to the newest maxEvents entries, and no further": {
    "first and last must be [3,7]: received [1,7]": {
      "keeps about maxEvents": retained(({ maxEvents }) => ({
        maxEvents: maxEvents! + 2,
      })),
    },
    "first and last must be [1,5]: received [2,5]": {
      "evicts too early": retained(({ maxEvents }) => ({
        maxEvents: maxEvents! - 1,
      })),
    },
    "the number of a page's entry 0 must be 1: received 3": {
      "evicts silently": pages(() => ({ first: 1 })),
    },
  },
  "append() trims to maxBytes of UTF-8, and no further": {
    "first and last must be [2,6]: received [1,6]": {
      "ignores maxBytes": retained(() => ({ maxBytes: 1000 })),
    },
    "first and last must be": {
      "counts code units instead of bytes": bodies(({ length }) =>
        "x".repeat(length)
      ),
    },
  },
  "append() keeps one append of exactly maxEvents and maxBytes": {
    "Cannot append": {
      "retains less than one append may contain": retained(({ maxBytes }) => ({
        maxBytes: maxBytes! - 1,
      })),
    },
  },
  "read() returns no entry older than maxAge": {
    "an entry older than maxAge must be deleted: it is still there": {
      "ignores maxAge": retained(() => ({ maxAge: undefined })),
    },
  },
  "append() continues from the last number when all entries have expired": {
    must: {
      "starts at 1 again after all entries expired by age": pages(
        ({ first, last }) => first > last ? { first: 1, last: 0 } : {},
      ),
    },
  },
  "read() returns entries of any age that maxAge allows": {
    "the entries must be": {
      "uses a shorter maxAge": retained(({ maxAge }) => ({
        maxAge: Math.ceil(maxAge! / 1_000_000),
      })),
    },
  },
};

const expiry: Defects = {
  "expire() deletes entries, numbers and epoch": {
    "the log must expire: it is still there": {
      "never expires": () => ({ expire: () => Promise.resolve() }),
      "keeps its numbers when it has expired": (log) => ({
        async expire() {
          const { last } = await readWhole(log);
          await log.append([{ kind: "beat", body: `${last}` }]);
        },
      }),
    },
    "the epoch must be new": {
      "keeps its epoch when it has expired": (log) => {
        let kept: string;
        return {
          ...pages(({ epoch, last }) => ({ epoch: last ? kept : epoch }))(log),
          ...positions(({ epoch, seq }) => ({ epoch: kept ??= epoch, seq }))(
            log,
          ),
        };
      },
    },
  },
  "expire() deletes idempotency keys": {
    "the number of the next entry must be 1: received 2": {
      "keeps its keys when it has expired": (log) => {
        let known: ReturnType<typeof log.append> | undefined;
        return { append: (entries) => known ??= log.append(entries) };
      },
    },
  },
  "expire() is undone by an append": {
    "epoch and last must be": {
      "expires in spite of an append": (log) => {
        let end: number | undefined;
        return {
          expire: (ttl) => log.expire((end = Date.now() + ttl, ttl)),
          ...after((log) => end && log.expire(untilTime(end)))(log),
        };
      },
    },
  },
  "expire() is not undone by calls that append nothing": {
    "the log must expire: it is still there": {
      "does not expire after an append that stored nothing": (log) => ({
        append: (entries, options) =>
          log.append(entries, options).finally(() => log.expire(2 ** 31 - 1)),
      }),
    },
  },
  "expire() replaces an earlier call": {
    "epoch and last must be": {
      "keeps the first expiry time it received": (log) => {
        let end = Infinity;
        return {
          expire(ttl) {
            end = Math.min(end, Date.now() + ttl);
            return log.expire(untilTime(end));
          },
        };
      },
    },
  },
  "expire() of an empty log ends with an append": {
    "epoch and last must be": {
      "expires an append that came after the call": (log) => {
        let ttl: number | undefined;
        return {
          expire: (milliseconds) => Promise.resolve(void (ttl = milliseconds)),
          ...after((log) => ttl && log.expire(ttl))(log),
        };
      },
    },
  },
  "expire() refuses wrong arguments": {
    "a ttl of 0 must be refused: it was not": {
      "accepts a ttl of 0": (log) => ({
        expire: (ttl) => ttl === 0 ? Promise.resolve() : log.expire(ttl),
      }),
    },
  },
};

const idle: Defects = {
  "idleTtl deletes the log when nothing was appended for that time": {
    "the log must expire": {
      "never deletes an idle log": retained(() => ({ idleTtl: undefined })),
    },
  },
  "idleTtl counts from the last append": {
    "the number of epochs": {
      "counts from the first append": (log) => {
        let end = 0;
        return {
          async append(entries, options) {
            if (Date.now() >= end) end = Date.now() + 600;
            return await after(() => log.expire(untilTime(end)))(log)
              .append!(entries, options);
          },
        };
      },
    },
  },
  "idleTtl keeps an open log while it is watched, and no longer": {
    "the epoch": { "does not count watchers": () => ({ watch() {} }) },
  },
  "idleTtl deletes a closed log even while it is watched, and not before": {
    "the log must expire": {
      "keeps what has ended while it is watched": (log) => ({
        watch(_, signal) {
          const timer = setInterval(() => log.expire(60_000), 100);
          signal.addEventListener("abort", () => clearInterval(timer));
        },
      }),
    },
  },
};

/** Milliseconds until a time, at least one. */
function untilTime(time: number): number {
  return Math.max(1, time - Date.now());
}

const watches: Defects = {
  "watch() wakes for another client's append when it can be read": {
    "a watcher must be woken when an append can be read": {
      "wakes before the entries are durable": wakers((wake) =>
        before(() => {
          wake();
          return pause(2);
        })
      ),
      "wakes watchers of the same client only": (log) => () =>
        wakers(after)(log),
      "wakes once": (log) => ({
        watch(wake) {
          const controller = new AbortController();
          log.watch(() => {
            controller.abort();
            wake();
          }, controller.signal);
        },
      }),
    },
  },
  "watch() wakes for the client's own append when it can be read": {
    "a watcher must be woken when an append can be read": {
      "wakes no watcher": () => ({ watch() {} }),
    },
  },
  "watch() wakes no watcher whose signal has aborted": {
    "the number of wake-ups after the abort must be 0": {
      "wakes whom it should not any more": (log) => ({
        watch: (wake) => log.watch(wake, new AbortController().signal),
      }),
    },
    aborted: {
      "throws at a signal that has aborted": (log) => ({
        watch(wake, signal) {
          signal.throwIfAborted();
          log.watch(wake, signal);
        },
      }),
    },
  },
  "watch() stops one of two watchers that share a function": {
    "the watcher that was not stopped must be woken": {
      "stops a function rather than a watcher": wakers(after),
    },
  },
};

/** Keeps the functions of its watchers in a set, and wakes them beside an append. */
function wakers(
  beside: (wake: () => void) => (log: EventLog) => Partial<EventLog>,
): (log: EventLog) => Partial<EventLog> {
  return (log) => {
    const wakes = new Set<() => void>();
    return {
      watch(wake, signal) {
        wakes.add(wake);
        signal.addEventListener("abort", () => wakes.delete(wake));
      },
      ...beside(() => wakes.forEach((wake) => wake()))(log),
    };
  };
}

/** Defects in reading, trimming, expiry and waking, and at least one for every case about these. */
export const wrongReads: readonly Defects[] = [
  reads,
  retention,
  expiry,
  idle,
  watches,
];
