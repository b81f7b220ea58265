import { Batches } from "../internal/batcher.ts";
import {
  checkOptions,
  describe,
  MAX_DELAY,
  type OptionTable,
} from "../internal/check.ts";
import {
  checkName,
  checkRead,
  checkTtl,
  isFinal,
  newEpoch,
  NO_CONTROL_CHARACTER,
  type Retention,
  retentionOf,
  sum,
} from "../log/check.ts";
import type {
  AppendOptions,
  EventLog,
  LogEntryKind,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../log/log.ts";
import {
  type AppendOutcome,
  type PendingAppend,
  pendingAppend,
  positionOf,
} from "../log/engine.ts";
import { renewWhileFollowed } from "../log/idle.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import {
  checkClient,
  type PostgresClient,
  PostgresFunctions,
  retryOnConflict,
} from "./postgres_client.ts";
import { migration, type Place } from "./postgres_schema.ts";
import { watchesOf } from "./postgres_watch.ts";

/** The names of the tables of a {@linkcode PostgresLog}. */
export interface PostgresTables {
  /**
   * The schema: at most 63 characters of `a-z`, `0-9` and `_`, and not a digit first.
   *
   * @default {"rivulet"}
   */
  schema?: string | undefined;
  /**
   * The prefix of the names of tables and functions: at most 32 characters of `a-z`, `0-9` and `_`, and not a digit
   * first.
   *
   * @default {""}
   */
  prefix?: string | undefined;
}

/** Options of {@linkcode PostgresLog}. */
export interface PostgresLogOptions extends RetentionOptions, PostgresTables {
  /**
   * Whether appends send a `NOTIFY`, which wakes watchers that listen. Postgres serializes commits with a `NOTIFY`:
   * without it, appends to different logs can be committed in parallel, and watchers poll.
   *
   * @default {true}
   */
  notify?: boolean | undefined;
  /**
   * Milliseconds between polls while the log is watched, an integer from 1 to 2^31-1. One query polls all logs of a
   * client.
   *
   * @default {undefined} 5000 if the client has `listen()` and `notify` is on, otherwise 1000
   */
  pollInterval?: number | undefined;
  /**
   * Milliseconds to wait for a result, an integer from 1 to 2^31-1. An append that takes longer rejects, and may still
   * be stored.
   *
   * @default {5000}
   */
  timeout?: number | undefined;
}

const TABLES: OptionTable<PostgresTables> = {
  schema: "string",
  prefix: "string",
};

const POSTGRES_OPTIONS: OptionTable<
  Omit<PostgresLogOptions, keyof RetentionOptions>
> = {
  schema: "string",
  prefix: "string",
  notify: "boolean",
  pollInterval: [1, MAX_DELAY],
  timeout: [1, MAX_DELAY],
};

const DEFAULT_TIMEOUT = 5000;
/** The maximum number of appends in one call, and of their bytes. */
const MAX_BATCH = { items: 500, weight: 1_048_576 };

/** Consecutive appends that the function runs as one. */
interface Group {
  readonly entries: LogInput[];
  readonly sizes: number[];
  /** The number of entries of each append. */
  readonly counts: number[];
  readonly options: AppendOptions;
}

/** The outcome of a group as the function returns it. */
type Outcome = readonly [AppendOutcome["outcome"], epoch: string, seq: number];

/** A page as the function returns it, with its bodies in one base64 text. */
interface PageRow extends Omit<LogPage, "entries"> {
  readonly entries: readonly (readonly [
    seq: number,
    time: number,
    kind: LogEntryKind,
    size: number,
  ])[];
  readonly bodies: string;
}

/**
 * A log in Postgres 14 or later, shared by all processes that connect to it.
 *
 * Call {@linkcode PostgresLog.migrate} once per database to install the tables and functions. An append is one call of
 * a function. How durable it is depends on `synchronous_commit`, which must not be `off`.
 *
 * Appends to one `PostgresLog` are stored in the order of the calls, whether you await them or not. One database call
 * runs at a time. Appends made meanwhile share the next call, and each succeeds or fails separately.
 *
 * @example
 * ```ts
 * import { type PostgresClient, PostgresLog } from "@rivulet/sse/postgres";
 *
 * // A `Pool` of pg, for example.
 * async function openLog(pool: PostgresClient): Promise<PostgresLog> {
 *   await PostgresLog.migrate(pool);
 *   return new PostgresLog(pool, "news", { maxEvents: 1000 });
 * }
 * ```
 */
export class PostgresLog implements EventLog {
  readonly #name: string;
  readonly #channel: string;
  readonly #retention: Retention;
  readonly #notify: boolean;
  /** Whether notifications wake the watchers of this client. */
  readonly #isNotified: boolean;
  readonly #functions: PostgresFunctions;
  readonly #watches: ReturnType<typeof watchesOf>;
  readonly #batches: Batches<PendingAppend, AppendOutcome>;

  /**
   * Installs the tables and functions, or updates the functions. Call it before the first use, with a role that may
   * create them. It is safe to call it at every start, in several processes at once.
   *
   * @param client The client.
   * @param tables The schema and the prefix.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the schema or the prefix is invalid.
   * @throws {EventStreamError} Code `log-unavailable`, if Postgres reports an error, or if other tables have the names.
   */
  static async migrate(
    client: PostgresClient,
    tables: PostgresTables = {},
  ): Promise<void> {
    checkClient(client);
    checkOptions("Cannot migrate", tables, TABLES);
    const text = migration(placeOf(tables));
    const end = performance.now() + DEFAULT_TIMEOUT;
    await retryOnConflict("migrate", end, () => client.query(text, []));
  }

  /**
   * Creates a log. Nothing is sent yet.
   *
   * @param client The client: a pool. On a connection with an open transaction, an append resolves before it is
   * committed.
   * @param name The log's name: 1 to 256 UTF-16 code units without control characters.
   * @param options The retention, the tables, notifications and the timeout.
   * @throws {TypeError} If an argument or option has the wrong type.
   * @throws {RangeError} If an option or the name is out of range.
   */
  constructor(
    client: PostgresClient,
    name: string,
    options: PostgresLogOptions = {},
  ) {
    const { timeout = DEFAULT_TIMEOUT, notify = true, pollInterval } = options;
    checkClient(client);
    checkName(name, NO_CONTROL_CHARACTER);
    this.#retention = retentionOf(options, POSTGRES_OPTIONS);
    this.#name = name;
    const place = placeOf(options);
    this.#channel = channelOf(place, name);
    this.#notify = notify;
    this.#isNotified = notify && client.listen !== undefined;
    this.#functions = new PostgresFunctions(client, place, timeout);
    const interval = pollInterval ?? (this.#isNotified ? 5000 : 1000);
    this.#watches = watchesOf(client, place, this.#functions, interval);
    this.#batches = new Batches((appends) => this.#append(appends), MAX_BATCH);
  }

  /** Appends entries; see {@linkcode EventLog.append}. */
  async append(
    entries: readonly LogInput[],
    options: AppendOptions = {},
  ): Promise<LogPosition> {
    const append = pendingAppend(entries, options, this.#retention);
    const result = await this.#batches.add(append, sum(append.sizes));
    const position = positionOf(result, append.options);
    if (!this.#isNotified) this.#watches.wake(this.#name);
    return position;
  }

  /** Reads entries; see {@linkcode EventLog.read}. */
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    checkRead(after, limit);
    const { maxAge } = this.#retention;
    const result = await this.#functions.call("read log", "read", [
      this.#name,
      ...[after, limit.entries, limit.bytes].map(String),
      maxAge === Infinity ? "" : String(maxAge),
    ]);
    const { epoch, first, last, entries, bodies }: PageRow = JSON.parse(result);
    const bytes = fromBase64(bodies);
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let end = 0;
    return {
      epoch,
      first,
      last,
      entries: entries.map(([seq, time, kind, size]) => {
        const body = decoder.decode(bytes.subarray(end, end += size));
        return { seq, time, kind, body };
      }),
    };
  }

  /** Calls `wake` after appends; see {@linkcode EventLog.watch}. It is also called each time listening starts. */
  watch(wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#watches.add(this.#name, this.#channel, wake, signal);
    const { idleTtl } = this.#retention;
    const renew = () =>
      this.#functions.call("watch log", "renew", [this.#name, `${idleTtl}`]);
    void renewWhileFollowed(renew, idleTtl, signal);
  }

  /** Deletes the log later; see {@linkcode EventLog.expire}. */
  async expire(ttl: number): Promise<void> {
    checkTtl(ttl);
    await this.#functions.call("expire log", "expire", [
      this.#name,
      String(ttl),
    ]);
  }

  async #append(appends: readonly PendingAppend[]): Promise<AppendOutcome[]> {
    const { idempotencyTtl, ...retention } = this.#retention;
    const groups = groupsOf(appends);
    const bodies = appends.flatMap(({ entries }) =>
      entries.map(({ body }) => body)
    );
    const result = await this.#functions.call("append", "append", [
      this.#name,
      this.#notify ? this.#channel : "",
      newEpoch(),
      // `Infinity` becomes `null`.
      JSON.stringify(retention),
      JSON.stringify(described(groups, idempotencyTtl)),
      toBase64(new TextEncoder().encode(bodies.join(""))),
    ]);
    const outcomes: Outcome[] = JSON.parse(result);
    return groups.flatMap((group, i) => outcomesOf(group, outcomes[i]!));
  }
}

/** Joins consecutive appends without conditions: as one append they are four times as fast. */
function groupsOf(appends: readonly PendingAppend[]): Group[] {
  const groups: Group[] = [];
  let isOpen = false;
  for (const { entries, sizes, options } of appends) {
    const { idempotencyKey, expectedLast } = options;
    const isPlain = idempotencyKey === undefined && expectedLast === undefined;
    if (!isPlain || !isOpen) {
      groups.push({ entries: [], sizes: [], counts: [], options });
    }
    const group = groups.at(-1)!;
    for (const entry of entries) group.entries.push(entry);
    for (const size of sizes) group.sizes.push(size);
    group.counts.push(entries.length);
    isOpen = isPlain && !isFinal(entries.at(-1)!.kind);
  }
  return groups;
}

/** Returns the groups for the function, with the place of each body in the text of all bodies. */
function described(groups: readonly Group[], ttl: number): unknown[] {
  let end = 0;
  return groups.map(({ entries, sizes, options }) => {
    const start = end;
    const ends = sizes.map((size) => end += size);
    const { expectedLast, idempotencyKey } = options;
    return {
      count: entries.length,
      start,
      end,
      // Arrays in the text format of Postgres.
      kinds: `{${entries.map(({ kind }) => kind)}}`,
      starts: `{${[start, ...ends.slice(0, -1)]}}`,
      ends: `{${ends}}`,
      isLast: isFinal(entries.at(-1)!.kind),
      expectedLast,
      // Text in Postgres cannot contain U+0000, so its JSON escape would be rejected.
      key: idempotencyKey && encodeURIComponent(idempotencyKey),
      ttl,
    };
  });
}

/** Returns the outcome of each append of a group. */
function outcomesOf(
  { counts, entries }: Group,
  [outcome, epoch, last]: Outcome,
): AppendOutcome[] {
  if (outcome !== "appended") {
    return counts.map(() => ({ outcome, epoch, seq: last }));
  }
  let seq = last - entries.length;
  return counts.map((count) => ({ outcome, epoch, seq: seq += count }));
}

function placeOf({ schema = "rivulet", prefix = "" }: PostgresTables): Place {
  checkIdentifier("schema", schema, /^[a-z_][a-z0-9_]{0,62}$/);
  checkIdentifier("prefix", prefix, /^([a-z_][a-z0-9_]{0,31})?$/);
  return { schema, prefix };
}

function checkIdentifier(what: string, value: string, pattern: RegExp): void {
  if (!pattern.test(value)) {
    throw new RangeError(
      `Cannot open log: ${what} must match ${pattern}: received ${
        describe(value)
      }`,
    );
  }
}

/**
 * Returns the name of the channel for a log's notifications. If the hashes of two logs are equal, they wake each
 * other's watchers without need.
 */
function channelOf({ schema, prefix }: Place, name: string): string {
  let hash = 0n;
  for (const char of `${schema}.${prefix}.${name}`) {
    hash = BigInt.asUintN(64, hash * 1_000_003n + BigInt(char.codePointAt(0)!));
  }
  return `rivulet_${hash.toString(36)}`;
}
