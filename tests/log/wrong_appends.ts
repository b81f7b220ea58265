import type { EventLog, LogPosition } from "../../src/log/log.ts";
import { pause } from "../../tools/pause.ts";
import {
  before,
  bodies,
  closed,
  conflict,
  type Defects,
  entries,
  inputs,
  keys,
  pages,
  positions,
  readWhole,
  retained,
} from "./_wrong.ts";

const numbering: Defects = {
  "append() numbers entries 1, 2, 3, … in order, also those of a batch": {
    "the numbers of the last entries must be [1,4,5]: received [2,8,10]": {
      "numbers with holes": (log) => ({
        ...entries(({ seq }) => ({ seq: 2 * seq }))(log),
        ...positions(({ epoch, seq }) => ({ epoch, seq: 2 * seq }))(log),
      }),
    },
    "the numbers of the last entries must be [1,4,5]: received [1,2,5]": {
      "returns the position of a batch's first entry": positions(
        ({ epoch, seq }, { length }) => ({ epoch, seq: seq - length + 1 }),
      ),
    },
    'the entries must be ["a","b","c","d","e"]': {
      "appends a batch backwards": (log) => ({
        append: (entries, options) =>
          log.append([...entries].reverse(), options),
      }),
    },
  },
  "append() keeps the order of calls, awaited or not": {
    "the numbers given must be": {
      "reorders an append without a key before one whose key is looked up":
        before(async (_, { idempotencyKey }) => {
          if (idempotencyKey !== undefined) await pause(0);
        }),
    },
  },
  "append() numbers without a gap when clients append at the same time": {
    "the entries must be": {
      "chooses the number before it appends, so that two appends get the same":
        (log) => ({
          async append(entries) {
            const { last } = await readWhole(log);
            await pause(1);
            const { epoch } = await log.append(entries);
            return { epoch, seq: last + entries.length };
          },
        }),
    },
  },
  "append() chooses one epoch when several clients append first at the same time":
    {
      "the epochs must be": {
        "chooses an epoch in each client": (log) => () => {
          const epoch = crypto.randomUUID().replaceAll("-", "");
          return {
            ...pages(({ last }) => last === 0 ? {} : { epoch })(log),
            ...positions(({ seq }) => ({ epoch, seq }))(log),
          };
        },
      },
    },
  "append() shows readers a whole batch or none of it": {
    "a batch was torn": {
      "appends a batch entry by entry": before(async (log, _, entries) => {
        let position: LogPosition | undefined;
        for (const entry of entries) {
          position = await log.append([entry]);
          await pause(0);
        }
        return position;
      }),
    },
  },
  "append() resolves when every other client can read the entries": {
    "the epoch must be": {
      "resolves before the entries are durable": (log) => {
        let store: () => unknown = () => {};
        return {
          async append(entries) {
            const { last } = await readWhole(log);
            store = () => log.append(entries);
            return { epoch: "early", seq: last + entries.length };
          },
          async read(after, limit) {
            const page = await log.read(after, limit);
            await store();
            return page;
          },
        };
      },
      "reads from a replica that lags by one entry": pages(
        ({ epoch, first, last, entries }) => ({
          epoch: last === 1 ? "0" : epoch,
          first: Math.min(first, Math.max(1, last - 1)),
          last: Math.max(0, last - 1),
          entries: entries.filter(({ seq }) => seq < last),
        }),
      ),
    },
  },
};

const keeping: Defects = {
  "append() sets times in milliseconds that never decrease": {
    "ms off": {
      "keeps times in seconds": entries(({ time }) => ({
        time: Math.round(time / 1000),
      })),
    },
    "must be an integer from": {
      "uses times of clocks that differ": entries(({ seq, time }) => ({
        time: time - (seq % 2 ? 0 : 1000),
      })),
    },
  },
  "append() stores every kind of entry": {
    "the entries must be": {
      "stores every entry as an event": entries(() => ({ kind: "event" })),
    },
  },
  "append() stores any text unchanged": {
    "the body of entry": {
      "trims texts": bodies((body) => body.trim()),
      "ends texts at a NUL": bodies((body) => body.split("\0")[0]!),
      "drops a byte order mark": bodies((body) => body.replace(/^\ufeff/, "")),
      "normalizes line ends": bodies((body) => body.replace(/\r\n?/g, "\n")),
      "composes characters": bodies((body) => body.normalize()),
      "stores digits as a number": bodies((body) =>
        body === "" || isNaN(Number(body)) ? body : String(Number(body))
      ),
      "keeps ASCII only": bodies((body) => body.replace(/[^\0-\x7f]/gu, "?")),
      "keeps characters of the basic plane only": bodies((body) =>
        body.replace(/[\u{10000}-\u{10ffff}]/gu, "\ufffd")
      ),
    },
  },
  "append() stores texts of more than 64 KiB": {
    "entry 1 must have its text of 65537 code units: it has 65536": {
      "cuts texts at 64 KiB": bodies((body) => body.slice(0, 65_536)),
    },
    "must have its text of 65537 code units: it has 65540": {
      "decodes texts chunk by chunk": bodies((body) => {
        const bytes = new TextEncoder().encode(body);
        let text = "";
        for (let i = 0; i < bytes.length; i += 65_536) {
          text += new TextDecoder().decode(bytes.subarray(i, i + 65_536));
        }
        return text;
      }),
    },
  },
  "append() stores a text of 1 MiB, or refuses it as a whole": {
    "it has 524288": {
      "cuts texts at 512 KiB": bodies((body) => body.slice(0, 524_288)),
    },
    "a text too long gave Error: value too large": {
      "refuses a long text with the engine's own error": before((...args) => {
        if (args[2].some(({ body }) => body.length > 1_000_000)) {
          throw new Error("value too large");
        }
      }),
    },
  },
  "append() refuses wrong arguments and appends nothing": {
    "no entry must be refused: it was not": {
      "accepts an append without entries": before((_log, _options, entries) =>
        entries.length > 0 ? undefined : Promise.resolve({ epoch: "0", seq: 0 })
      ),
    },
    "no entry must be refused by a rejection: it threw": {
      "throws instead of rejecting": (log) => ({
        append(entries, options) {
          if (entries.length === 0) throw new RangeError("Cannot append none");
          return log.append(entries, options);
        },
      }),
    },
    "the last number must be 0": {
      "checks a batch entry by entry while it appends": before(
        async (log, _, [first, ...rest]) => {
          const isBad = rest.some(({ body }) => typeof body !== "string");
          if (isBad && first !== undefined) await log.append([first]);
        },
      ),
    },
    "an append of more entries than the log keeps must be refused": {
      "accepts an append of more entries than it retains": retained(() => ({
        maxEvents: 5,
      })),
    },
  },
};

const conditions: Defects = {
  "append() with expectedLast appends at that number only": {
    'an append with {"expectedLast":1} must be refused: it was not': {
      "ignores expectedLast": (log) => ({
        append: (entries) => log.append(entries),
      }),
    },
    "the last number must be 0: received 1": {
      "appends what conflicts": (log) => ({
        async append(entries, { expectedLast } = {}) {
          const { last } = await readWhole(log);
          const position = await log.append(entries);
          if (last !== expectedLast) throw conflict();
          return position;
        },
      }),
    },
    "must reject with code conflict: received Error: version mismatch": {
      "rejects a conflict with another error": (log) => ({
        append: (entries, options) =>
          log.append(entries, options).catch(() => {
            throw new Error("version mismatch");
          }),
      }),
    },
  },
  "append() with expectedLast has one winner among clients": {
    "the number of winners must be 1: received 5": {
      "compares expectedLast before it appends, so that two can win": before(
        async (log, { expectedLast }, entries) => {
          if ((await readWhole(log)).last !== expectedLast) throw conflict();
          await pause(1);
          return log.append(entries);
        },
      ),
      "reports success to every client": (log) => ({
        append: (entries, options) =>
          log.append(entries, options).catch(() => ({ epoch: "won", seq: 1 })),
      }),
    },
    "the number of winners must be 1: received 0": {
      "has no winner when several clients try": (log) => {
        let trying = 0;
        return before(async () => {
          trying++;
          await pause(1);
          if (trying > 1) throw conflict();
        })(log);
      },
    },
  },
  "append() with expectedLast stores no key when it conflicts": {
    "the number of the entry must be 1: received 0": {
      "remembers the key of a conflict": (log) => {
        const seen = new Set<string | undefined>();
        return before((_, { idempotencyKey }) => {
          const isKnown = seen.has(idempotencyKey);
          seen.add(idempotencyKey);
          return isKnown ? Promise.resolve({ epoch: "0", seq: 0 }) : undefined;
        })(log);
      },
    },
  },
  "append() with a known key returns the first position": {
    '"seq":5': {
      "appends again on a retry": keys(() => undefined),
      "keeps keys in each client": (log) => () => {
        const client = crypto.randomUUID();
        return keys((key) => `${client} ${key}`)(log);
      },
    },
    '"seq":2,"repeated":true}: received {"': {
      "treats a retry as a new append": positions(({ epoch, seq }) => ({
        epoch,
        seq,
      })),
    },
    '"seq":3': {
      "returns the last position to a retry": (log) => ({
        async append(entries, options) {
          const { epoch } = await log.append(entries, options);
          return { epoch, seq: (await readWhole(log)).last };
        },
      }),
    },
  },
  "append() with a known key ignores expectedLast": {
    "Cannot append: conflict": {
      "compares expectedLast before it looks for the key": before(
        async (log, { expectedLast }) => {
          if ((await readWhole(log)).last !== expectedLast) throw conflict();
        },
      ),
    },
  },
  "append() with one key from many clients at the same time appends once": {
    "the numbers given must be [1,1,1,1,1,1]: received [1,2,3,4,5,6]": {
      "looks for the key before it appends, so that two append": (log) => {
        const seen = new Map<string | undefined, LogPosition>();
        return before(async (log, { idempotencyKey }, entries) => {
          const known = seen.get(idempotencyKey);
          if (known !== undefined) return known;
          await pause(1);
          const position = await log.append(entries);
          seen.set(idempotencyKey, position);
          return position;
        })(log);
      },
    },
  },
  "append() with a key remembers it after the entry is trimmed": {
    "the position must be": {
      "forgets a key with its entry": (log) => ({
        async append(entries, options = {}) {
          const { first } = await readWhole(log);
          return log.append(entries, first > 1 ? {} : options);
        },
      }),
    },
  },
  "append() with a key distinguishes it from every other": {
    "the number for": {
      "folds keys to lower case": keys((key) => key.toLowerCase()),
      "trims keys": keys((key) => key.trim()),
      "ends keys at a NUL": keys((key) => key.split("\0")[0]!),
      "composes keys": keys((key) => key.normalize()),
      "stores keys as numbers": keys((key) => String(Number(key) || key)),
      "cuts keys at 255": keys((key) => key.slice(0, 255)),
      "finds keys in an object": keys((key) => key === "__proto__" ? "k" : key),
    },
  },
  "append() with a key forgets it after idempotencyTtl": {
    "the last number must be 2: received 1": {
      "never forgets a key": retained(() => ({ idempotencyTtl: 600_000 })),
    },
  },
};

const ends: Defects = {
  "append() is refused after an entry that closes the log": {
    "must be refused: it was not": {
      "appends after the end": hiddenEnds,
    },
    "must reject with code closed: received EventStreamError: Cannot append: conflict":
      {
        "rejects with conflict instead of closed": before(
          async (log, { expectedLast }) => {
            const { last } = await readWhole(log);
            if (last !== (expectedLast ?? last)) throw conflict();
          },
        ),
      },
  },
  "append() is refused to every client after the end": {
    "the position of the end must be": {
      "looks for the end before it appends, so that an append can follow it": (
        log,
      ) => {
        let ended = false;
        return {
          ...hiddenEnds(log),
          async append(entries, options) {
            if (ended) throw closed();
            await pause(1);
            ended ||= entries[0]?.kind === "end";
            return hiddenEnds(log).append!(entries, options);
          },
        };
      },
    },
  },
  "append() with a known key is not refused after the end": {
    "Cannot append: the log must be open": {
      "looks for the end before it looks for the key": before(async (log) => {
        const { entries } = await readWhole(log);
        if (entries.some(({ kind }) => kind === "end")) throw closed();
      }),
    },
  },
  "read() returns the end when all entries before it have expired": {
    "must be [3,3]: received [4,3]": {
      "forgets the end after it expired by age": pages(
        ({ first, last, entries }) =>
          first === last && entries[0]?.kind === "end"
            ? { first: last + 1, entries: [] }
            : {},
      ),
    },
  },
  "append() begins a new log when a closed one has expired": {
    "Cannot append: the log must be open": {
      "stays closed when it has expired": (log) => {
        let ended = false;
        return before((_log, _options, entries) => {
          if (ended) throw closed();
          ended = entries.at(-1)?.kind === "end";
        })(log);
      },
    },
  },
};

/** Hides the `end` entry from the log. */
function hiddenEnds(log: EventLog): Partial<EventLog> {
  return {
    ...entries(({ kind }) => ({ kind: kind === "beat" ? "end" : kind }))(log),
    ...inputs(({ kind }) => ({ kind: kind === "end" ? "beat" : kind }))(log),
  };
}

/** Defects in `append()`, and at least one for every case about it. */
export const wrongAppends: readonly Defects[] = [
  numbering,
  keeping,
  conditions,
  ends,
];
