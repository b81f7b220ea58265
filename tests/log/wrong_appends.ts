import type { EventLog, LogInput, LogPosition } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import {
  asRecord,
  bodies,
  closed,
  conflict,
  entries,
  keys,
  pages,
  readWhole,
  wait,
  wrong,
  wrongClients,
  type WrongLog,
  wrongLog,
  wrongRetention,
} from "./_wrong.ts";

const numbering: readonly WrongLog[] = [
  wrong(
    "numbers with holes",
    "append() numbers entries 1, 2, 3, … in order, also those of a batch",
    "the numbers of the last entries must be [1,4,5]: received [2,8,10]",
    (log) => ({
      ...entries(({ seq }) => ({ seq: 2 * seq }))(log),
      async append(entries, options) {
        const { epoch, seq } = await log.append(entries, options);
        return { epoch, seq: 2 * seq };
      },
    }),
  ),
  wrong(
    "returns the position of a batch's first entry",
    "append() numbers entries 1, 2, 3, … in order, also those of a batch",
    "the numbers of the last entries must be [1,4,5]: received [1,2,5]",
    (log) => ({
      async append(entries, options) {
        const { epoch, seq } = await log.append(entries, options);
        return { epoch, seq: seq - entries.length + 1 };
      },
    }),
  ),
  wrong(
    "appends a batch backwards",
    "append() numbers entries 1, 2, 3, … in order, also those of a batch",
    'the entries must be ["a","b","c","d","e"]',
    (log) => ({
      append: (entries, options) => log.append([...entries].reverse(), options),
    }),
  ),
  wrong(
    "reorders an append without a key before one whose key is looked up",
    "append() keeps the order of calls, awaited or not",
    "the numbers given must be",
    (log) => ({
      async append(entries, options = {}) {
        if (options.idempotencyKey !== undefined) await null;
        return await log.append(entries, options);
      },
    }),
  ),
  wrong(
    "chooses the number before it appends, so that two appends get the same",
    "append() numbers without a gap when clients append at the same time",
    "the entries must be",
    (log) => ({
      async append(entries) {
        const { last } = await readWhole(log);
        await wait(1);
        const { epoch } = await log.append(entries);
        return { epoch, seq: last + entries.length };
      },
    }),
  ),
  wrongClients(
    "chooses an epoch in each client",
    "append() chooses one epoch when several clients append first at the same time",
    "the epochs must be",
    (log) => {
      const epoch = crypto.randomUUID().replaceAll("-", "");
      return {
        ...pages(({ last }) => last === 0 ? {} : { epoch })(log),
        append: async (entries) => ({ ...await log.append(entries), epoch }),
      };
    },
  ),
  wrong(
    "appends a batch entry by entry",
    "append() shows readers a whole batch or none of it",
    "a batch was torn",
    (log) => ({
      async append(entries) {
        let position: LogPosition | undefined;
        for (const entry of entries) {
          position = await log.append([entry]);
          await wait(0);
        }
        return position!;
      },
    }),
  ),
  resolvesEarly(),
  wrong(
    "reads from a replica that lags by one entry",
    "append() resolves when every other client can read the entries",
    "the epoch must be",
    pages(({ epoch, first, last, entries }) => ({
      epoch: last === 1 ? "0" : epoch,
      first: Math.min(first, Math.max(1, last - 1)),
      last: Math.max(0, last - 1),
      entries: entries.filter(({ seq }) => seq < last),
    })),
  ),
];

function resolvesEarly(): WrongLog {
  let late: Promise<unknown> = Promise.resolve();
  return wrongLog(
    [
      "resolves before the entries are durable",
      "append() resolves when every other client can read the entries",
      "the epoch must be",
    ],
    (retention) => {
      const log = asRecord(new MemoryLog(retention));
      async function append(entries: readonly LogInput[]) {
        const { last } = await readWhole(log);
        late = wait(1).then(() => log.append(entries));
        return { epoch: "early", seq: last + entries.length };
      }
      return () => ({ ...log, append });
    },
    async () => void (await late),
  );
}

const keeping: readonly WrongLog[] = [
  wrong(
    "keeps times in seconds",
    "append() sets times in milliseconds that never decrease",
    "ms off",
    entries(({ time }) => ({ time: Math.round(time / 1000) })),
  ),
  wrong(
    "uses times of clocks that differ",
    "append() sets times in milliseconds that never decrease",
    "must be an integer from",
    entries(({ seq, time }) => ({ time: time - (seq % 2 ? 0 : 1000) })),
  ),
  wrong(
    "stores every entry as an event",
    "append() stores every kind of entry",
    "the entries must be",
    entries(() => ({ kind: "event" })),
  ),
  ...([
    ["trims texts", (body) => body.trim()],
    ["ends texts at a NUL", (body) => body.split("\0")[0]!],
    ["drops a byte order mark", (body) => body.replace(/^\ufeff/, "")],
    ["normalizes line ends", (body) => body.replace(/\r\n?/g, "\n")],
    ["composes characters", (body) => body.normalize()],
    [
      "stores digits as a number",
      (body) =>
        body !== "" && String(Number(body)) !== "NaN"
          ? String(Number(body))
          : body,
    ],
    ["keeps ASCII only", (body) => body.replace(/[^\0-\x7f]/gu, "?")],
    [
      "keeps characters of the basic plane only",
      (body) => body.replace(/[\u{10000}-\u{10ffff}]/gu, "\ufffd"),
    ],
  ] satisfies [string, (body: string) => string][]).map(([what, change]) =>
    wrong(
      what,
      "append() stores any text unchanged",
      "the body of entry",
      bodies(change),
    )
  ),
  wrong(
    "cuts texts at 64 KiB",
    "append() stores texts of more than 64 KiB",
    "entry 1 must have its text of 65537 code units: it has 65536",
    bodies((body) => body.slice(0, 65_536)),
  ),
  wrong(
    "decodes texts chunk by chunk",
    "append() stores texts of more than 64 KiB",
    "must have its text of 65537 code units: it has 65540",
    bodies(throughChunks),
  ),
  wrong(
    "cuts texts at 512 KiB",
    "append() stores a text of 1 MiB, or refuses it as a whole",
    "it has 524288",
    bodies((body) => body.slice(0, 524_288)),
  ),
  wrong(
    "refuses a long text with the engine's own error",
    "append() stores a text of 1 MiB, or refuses it as a whole",
    "a text too long gave Error: value too large",
    (log) => ({
      append(entries, options) {
        return entries.some(({ body }) => body.length > 1_000_000)
          ? Promise.reject(new Error("value too large"))
          : log.append(entries, options);
      },
    }),
  ),
  wrong(
    "accepts an append without entries",
    "append() refuses wrong arguments and appends nothing",
    "no entry must be refused: it was not",
    (log) => ({
      append(entries, options) {
        return entries.length > 0
          ? log.append(entries, options)
          : Promise.resolve({ epoch: "0", seq: 0 });
      },
    }),
  ),
  wrong(
    "throws instead of rejecting",
    "append() refuses wrong arguments and appends nothing",
    "no entry must be refused by a rejection: it threw",
    (log) => ({
      append(entries, options) {
        if (entries.length === 0) throw new RangeError("Cannot append nothing");
        return log.append(entries, options);
      },
    }),
  ),
  wrong(
    "checks a batch entry by entry while it appends",
    "append() refuses wrong arguments and appends nothing",
    "the last number must be 0",
    (log) => ({
      async append(entries, options) {
        const [first, ...rest] = entries;
        const isBad = rest.some(({ body }) => typeof body !== "string");
        if (isBad && first !== undefined) await log.append([first]);
        return log.append(entries, options);
      },
    }),
  ),
  wrongRetention(
    "accepts an append of more entries than it retains",
    "append() refuses wrong arguments and appends nothing",
    "an append of more entries than the log keeps must be refused",
    () => ({ maxEvents: 5 }),
  ),
];

/** Like an engine with values of 64 KiB that decodes each value separately. */
function throughChunks(body: string): string {
  const bytes = new TextEncoder().encode(body);
  let text = "";
  for (let i = 0; i < bytes.length; i += 65_536) {
    text += new TextDecoder().decode(bytes.subarray(i, i + 65_536));
  }
  return text;
}

const conditions: readonly WrongLog[] = [
  wrong(
    "ignores expectedLast",
    "append() with expectedLast appends at that number only",
    'an append with {"expectedLast":1} must be refused: it was not',
    (log) => ({ append: (entries) => log.append(entries) }),
  ),
  wrong(
    "appends what conflicts",
    "append() with expectedLast appends at that number only",
    "the last number must be 0: received 1",
    (log) => ({
      async append(entries, { expectedLast } = {}) {
        const { last } = await readWhole(log);
        const position = await log.append(entries);
        if (last !== expectedLast) throw conflict();
        return position;
      },
    }),
  ),
  wrong(
    "rejects a conflict with another error",
    "append() with expectedLast appends at that number only",
    "must reject with code conflict: received Error: version mismatch",
    (log) => ({
      append: (entries, options) =>
        log.append(entries, options).catch(() => {
          throw new Error("version mismatch");
        }),
    }),
  ),
  wrong(
    "compares expectedLast before it appends, so that two can win",
    "append() with expectedLast has one winner among clients",
    "the number of winners must be 1: received 5",
    (log) => ({
      async append(entries, { expectedLast } = {}) {
        const { last } = await readWhole(log);
        if (last !== expectedLast) throw conflict();
        await wait(1);
        return log.append(entries);
      },
    }),
  ),
  wrong(
    "reports success to every client",
    "append() with expectedLast has one winner among clients",
    "the number of winners must be 1: received 5",
    (log) => ({
      append: (entries, options) =>
        log.append(entries, options).catch(() => ({ epoch: "won", seq: 1 })),
    }),
  ),
  wrong(
    "has no winner when several clients try",
    "append() with expectedLast has one winner among clients",
    "the number of winners must be 1: received 0",
    (log) => {
      let trying = 0;
      return {
        async append(entries, options) {
          trying++;
          await wait(1);
          if (trying > 1) throw conflict();
          return log.append(entries, options);
        },
      };
    },
  ),
  wrong(
    "remembers the key of a conflict",
    "append() with expectedLast stores no key when it conflicts",
    "the number of the entry must be 1: received 0",
    (log) => {
      const seen = new Map<string | undefined, LogPosition>();
      return {
        append(entries, options = {}) {
          const known = seen.get(options.idempotencyKey);
          if (known !== undefined) return Promise.resolve(known);
          seen.set(options.idempotencyKey, { epoch: "0", seq: 0 });
          return log.append(entries, options);
        },
      };
    },
  ),
  wrong(
    "appends again on a retry",
    "append() with a known key returns the first position",
    '"seq":5',
    keys(() => undefined),
  ),
  wrong(
    "treats a retry as a new append",
    "append() with a known key returns the first position",
    '"seq":2,"repeated":true}: received {"',
    (log) => ({
      async append(entries, options) {
        const { epoch, seq } = await log.append(entries, options);
        return { epoch, seq };
      },
    }),
  ),
  wrong(
    "returns the last position to a retry",
    "append() with a known key returns the first position",
    '"seq":3',
    (log) => ({
      async append(entries, options) {
        const { epoch } = await log.append(entries, options);
        const { last } = await readWhole(log);
        return { epoch, seq: last };
      },
    }),
  ),
  wrong(
    "compares expectedLast before it looks for the key",
    "append() with a known key ignores expectedLast",
    "Cannot append: conflict",
    (log) => ({
      async append(entries, options = {}) {
        const { last } = await readWhole(log);
        if (last !== options.expectedLast) throw conflict();
        return log.append(entries, options);
      },
    }),
  ),
  wrong(
    "looks for the key before it appends, so that two append",
    "append() with one key from many clients at the same time appends once",
    "the numbers given must be [1,1,1,1,1,1]: received [1,2,3,4,5,6]",
    (log) => {
      const seen = new Map<string | undefined, LogPosition>();
      return {
        async append(entries, { idempotencyKey } = {}) {
          const known = seen.get(idempotencyKey);
          if (known !== undefined) return known;
          await wait(1);
          const position = await log.append(entries);
          seen.set(idempotencyKey, position);
          return position;
        },
      };
    },
  ),
  wrongClients(
    "keeps keys in each client",
    "append() with a known key returns the first position",
    '"seq":5',
    (log) => {
      const client = crypto.randomUUID();
      return keys((key) => `${client} ${key}`)(log);
    },
  ),
  wrong(
    "forgets a key with its entry",
    "append() with a key remembers it after the entry is trimmed",
    "the position must be",
    (log) => ({
      async append(entries, options = {}) {
        const { first } = await readWhole(log);
        return log.append(entries, first > 1 ? {} : options);
      },
    }),
  ),
  ...([
    ["folds keys to lower case", (key) => key.toLowerCase()],
    ["trims keys", (key) => key.trim()],
    ["ends keys at a NUL", (key) => key.split("\0")[0]!],
    ["composes keys", (key) => key.normalize()],
    ["stores keys as numbers", (key) => String(Number(key) || key)],
    ["cuts keys at 255", (key) => key.slice(0, 255)],
    ["finds keys in an object", (key) => key === "__proto__" ? "k" : key],
  ] satisfies [string, (key: string) => string][]).map(([what, change]) =>
    wrong(
      what,
      "append() with a key distinguishes it from every other",
      "the number for",
      keys(change),
    )
  ),
  wrongRetention(
    "never forgets a key",
    "append() with a key forgets it after idempotencyTtl",
    "the last number must be 2: received 1",
    () => ({ idempotencyTtl: 600_000 }),
  ),
];

const ends: readonly WrongLog[] = [
  wrong(
    "appends after the end",
    "append() is refused after an entry that closes the log",
    "must be refused: it was not",
    hiddenEnds,
  ),
  wrong(
    "rejects with conflict instead of closed",
    "append() is refused after an entry that closes the log",
    "must reject with code closed: received EventStreamError: Cannot append: conflict",
    (log) => ({
      async append(entries, options = {}) {
        const { last } = await readWhole(log);
        if (last !== (options.expectedLast ?? last)) throw conflict();
        return log.append(entries, options);
      },
    }),
  ),
  wrong(
    "looks for the end before it appends, so that an append can follow it",
    "append() is refused to every client after the end",
    "the position of the end must be",
    (log) => {
      let ended = false;
      return {
        ...hiddenEnds(log),
        async append(entries, options) {
          if (ended) throw closed();
          await wait(1);
          ended ||= entries[0]?.kind === "end";
          return hiddenEnds(log).append!(entries, options);
        },
      };
    },
  ),
  wrong(
    "looks for the end before it looks for the key",
    "append() with a known key is not refused after the end",
    "Cannot append: the log must be open",
    (log) => ({
      async append(entries, options) {
        const { entries: kept } = await readWhole(log);
        if (kept.some(({ kind }) => kind === "end")) throw closed();
        return log.append(entries, options);
      },
    }),
  ),
  wrong(
    "forgets the end after it expired by age",
    "read() returns the end when all entries before it have expired",
    "must be [3,3]: received [4,3]",
    (log) => ({
      async read(after, limit) {
        const page = await log.read(after, limit);
        const { first, last } = page;
        const isAged = first === last && page.entries[0]?.kind === "end";
        return isAged ? { ...page, first: last + 1, entries: [] } : page;
      },
    }),
  ),
  wrong(
    "stays closed when it has expired",
    "append() begins a new log when a closed one has expired",
    "Cannot append: the log must be open",
    (log) => {
      let ended = false;
      return {
        append(entries, options) {
          if (ended) return Promise.reject(closed());
          ended = entries.at(-1)?.kind === "end";
          return log.append(entries, options);
        },
      };
    },
  ),
];

/** Hides the `end` entry from the log. */
function hiddenEnds(log: EventLog): Partial<EventLog> {
  return {
    ...entries(({ kind, body }) =>
      kind === "beat" ? { kind: "end", body } : {}
    )(log),
    append: (entries, options) =>
      log.append(
        entries.map(({ kind, body }) => ({
          kind: kind === "end" ? "beat" : kind,
          body,
        })),
        options,
      ),
  };
}

/** Logs that append wrongly, and at least one for every case about `append()`. */
export const wrongAppends: readonly WrongLog[] = [
  ...numbering,
  ...keeping,
  ...conditions,
  ...ends,
];
