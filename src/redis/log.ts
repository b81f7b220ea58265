import { checkFunction, describe, MAX_DELAY } from "../internal/check.ts";
import {
  checkAppend,
  checkName,
  checkRead,
  checkTtl,
  newEpoch,
  type Retention,
  retentionOf,
  sum,
} from "../log/check.ts";
import type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogEntryKind,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
  RetentionOptions,
} from "../log/log.ts";
import { aborted } from "../internal/abort.ts";
import { type AppendOutcome, positionOf, unavailable } from "../log/engine.ts";
import { renewWhileFollowed } from "../log/idle.ts";
import { Poller } from "../log/poller.ts";
import { Batches } from "../internal/batcher.ts";
import * as scripts from "./scripts.ts";
import type { RedisClient } from "./client.ts";

/** Options of {@linkcode RedisLog}. */
export interface RedisLogOptions extends RetentionOptions {
  /**
   * Milliseconds to wait for a reply, a positive integer. Many clients queue commands without limit while Redis cannot
   * be reached; after this time the call rejects. An append that timed out may still be stored when Redis is back.
   *
   * @default {5000}
   */
  timeout?: number | undefined;
}

/** Milliseconds between polls of a client without notifications, and of one that may lose some. */
const POLL_INTERVAL = { alone: 1000, besideMessages: 5000 };
const POLL_TIMEOUT = 5000;
const MAX_POLLED = 1000;
/** In a cluster, each log is polled once in this number of polls. */
const POLLS_PER_ROUND = 60;
const RESEND_TTL = 60_000;
/** The maximum work of one call, because Redis executes one command at a time. */
const MAX_BATCH = { items: 500, weight: 1_048_576 };

/** An append that waits for its call. */
interface Append extends Pick<AppendOptions, "expectedLast"> {
  /** Kind and body of each entry. */
  readonly inputs: readonly string[];
  readonly key: string | undefined;
  /** How long the key is remembered, in milliseconds. */
  readonly ttl: number | undefined;
}

/**
 * A log in Redis 7, Valkey 7.2 or later, one server or a cluster, for all processes that reach it.
 *
 * The log `news` is the stream `rivulet:{news}`, with a string `rivulet:{news}:KEY` for each remembered idempotency
 * key. Appends are announced on the channel `rivulet:{news}`. The user needs `EVALSHA`, `EVAL`,
 * `XADD`, `XRANGE`, `XREVRANGE`, `XLEN`, `XTRIM`, `GET`, `SET`, `PERSIST`, `PEXPIRE`, `TIME`, `PUBLISH` and
 * `SUBSCRIBE`; a user who only reads needs the first two, the two ranges, `XLEN`, `TIME` and `SUBSCRIBE`.
 *
 * An append is as durable as your Redis settings make it: with `appendonly yes` and `appendfsync always` it survives a
 * crash. Redis must not evict keys (`maxmemory-policy noeviction`): an evicted log begins a new epoch, and its clients
 * receive a `gap` event.
 *
 * A `RedisLog` appends in the order of the calls, whether you await them or not. It sends one command at a time;
 * appends that arrive meanwhile share the next one. Each succeeds or fails separately.
 *
 * @example
 * ```ts
 * import { RedisLog, restRedis } from "@rivulet/sse/redis";
 * import { assertThrows } from "@std/assert";
 *
 * const redis = restRedis({ url: "https://eu1-example.upstash.io", token: "secret" });
 * const log = new RedisLog(redis, "news", { maxEvents: 1000 });
 * // await log.append([{ kind: "event", body: "data: a\n\n" }]);
 *
 * assertThrows(() => new RedisLog(redis, "{news}"), RangeError);
 * ```
 */
export class RedisLog implements EventLog {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #retention: Retention;
  readonly #timeout: number;
  readonly #batches: Batches<Append, AppendOutcome>;

  /**
   * Creates a log. Sends nothing.
   *
   * @param redis The client, from an adapter.
   * @param name The log's name: 1 to 256 UTF-16 code units without `{` and `}`.
   * @param options The retention and the timeout.
   * @throws {TypeError} If an argument or option has the wrong type.
   * @throws {RangeError} If an option is out of range, or the name is.
   */
  constructor(redis: RedisClient, name: string, options: RedisLogOptions = {}) {
    const { timeout = 5000 } = options;
    checkClient(redis);
    // Braces would end the hash tag; control characters would break lines over HTTP.
    checkName(name, [/[{}\p{Cc}]/u, "braces and control characters"]);
    this.#retention = retentionOf(options, { timeout: [1, MAX_DELAY] });
    this.#redis = redis;
    // In a cluster, the text in braces determines the slot, so all keys of a log share one.
    this.#key = `rivulet:{${name}}`;
    this.#timeout = timeout;
    this.#batches = new Batches((appends) => this.#append(appends), MAX_BATCH);
  }

  /** Appends entries; see {@linkcode EventLog.append}. */
  async append(
    entries: readonly LogInput[],
    options: AppendOptions = {},
  ): Promise<LogPosition> {
    const sizes = checkAppend(entries, options, this.#retention);
    // Read now, because the caller may change its options while the append waits.
    const hasKey = options.idempotencyKey !== undefined;
    const append = {
      inputs: entries.flatMap(({ kind, body }) => [kind, body]),
      expectedLast: options.expectedLast,
      ...this.#idempotency(options),
    };
    const result = await this.#batches.add(append, sum(sizes));
    const position = positionOf(result, append);
    // A repeat of a key that is not the caller's means that the request was sent twice.
    if (hasKey) return position;
    return { epoch: position.epoch, seq: position.seq };
  }

  /** Reads entries; see {@linkcode EventLog.read}. */
  async read(after: number, limit: LogLimit): Promise<LogPage> {
    checkRead(after, limit);
    const { maxAge } = this.#retention;
    const numbers = [after, limit.entries, limit.bytes, maxAge];
    const reply = await this.#run(
      "read log",
      scripts.read,
      [this.#key],
      numbers.map(argument),
    );
    const entries: LogEntry[] = [];
    for (let i = 3; i < reply.length; i += 4) {
      entries.push({
        seq: Number(reply[i]),
        time: Number(reply[i + 1]),
        kind: reply[i + 2] as LogEntryKind,
        body: reply[i + 3]!,
      });
    }
    const [epoch, first, last] = reply;
    return {
      epoch: epoch!,
      first: Number(first),
      last: Number(last),
      entries,
    };
  }

  /**
   * Calls `wake` after appends; see {@linkcode EventLog.watch}. It is also called whenever the subscription begins: at
   * first, and after a lost connection.
   */
  watch(wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    pollerOf(this.#redis).add(this.#key, wake, signal);
    this.#redis.subscribe?.(this.#key, wake, signal);
    const { idleTtl } = this.#retention;
    const renew = () =>
      this.#run("watch log", scripts.renew, [this.#key], [String(idleTtl)]);
    renewWhileFollowed(renew, idleTtl, signal);
  }

  /** Deletes the log after a time; see {@linkcode EventLog.expire}. */
  async expire(ttl: number): Promise<void> {
    checkTtl(ttl);
    await this.#run("expire log", scripts.expire, [this.#key], [String(ttl)]);
  }

  /** Returns the key of an append and how long it is remembered. */
  #idempotency({ idempotencyKey }: AppendOptions): Pick<Append, "key" | "ttl"> {
    if (idempotencyKey === undefined && this.#redis.resends) {
      return { key: crypto.randomUUID(), ttl: RESEND_TTL };
    }
    const ttl = idempotencyKey && this.#retention.idempotencyTtl;
    return { key: idempotencyKey, ttl: ttl || undefined };
  }

  async #append(appends: readonly Append[]): Promise<AppendOutcome[]> {
    const { maxEvents, maxBytes, maxAge, idleTtl } = this.#retention;
    const keys = appends.flatMap(({ key }) =>
      key === undefined ? [] : `${this.#key}:${key}`
    );
    const reply = await this.#run(
      "append",
      scripts.append,
      [this.#key, ...keys],
      [
        this.#key,
        newEpoch(),
        ...[maxEvents, maxBytes, maxAge, idleTtl].map(argument),
        ...appends.flatMap(({ expectedLast, ttl, inputs }) => [
          ...[expectedLast, ttl, inputs.length / 2].map(argument),
          ...inputs,
        ]),
      ],
    );
    return appends.map((_, i) => ({
      outcome: reply[3 * i] as AppendOutcome["outcome"],
      epoch: reply[3 * i + 1]!,
      seq: Number(reply[3 * i + 2]),
    }));
  }

  async #run(
    action: string,
    script: scripts.Script,
    keys: string[],
    args: string[],
  ): Promise<string[]> {
    try {
      return await run(this.#redis, script, keys, args, this.#timeout);
    } catch (cause) {
      throw unavailable(action, "Redis", cause);
    }
  }
}

/** Runs a script, and returns its reply, which must be a list of strings. */
async function run(
  redis: RedisClient,
  script: scripts.Script,
  keys: readonly string[],
  args: readonly string[],
  timeout: number,
): Promise<string[]> {
  const late = new AbortController();
  const { signal } = late;
  // Half the cost of `within()`, because the signal is needed anyway.
  const timer = setTimeout(() => {
    const message = `no reply within ${timeout} ms`;
    late.abort(new DOMException(message, "TimeoutError"));
  }, timeout);
  try {
    const reply = await Promise.race([
      script.run(redis, keys, args, signal),
      aborted(signal).then(() => Promise.reject(signal.reason)),
    ]);
    if (
      Array.isArray(reply) && reply.every((item) => typeof item === "string")
    ) {
      return reply;
    }
    throw new TypeError(
      `The reply must be an array of strings: received ${describe(reply)}`,
    );
  } finally {
    clearTimeout(timer);
  }
}

const pollers = /* @__PURE__ */ new WeakMap<RedisClient, Poller>();

function pollerOf(redis: RedisClient): Poller {
  const { alone, besideMessages } = POLL_INTERVAL;
  const interval = redis.subscribe === undefined ? alone : besideMessages;
  const poller = pollers.get(redis) ?? new Poller(pollOf(redis), interval);
  pollers.set(redis, poller);
  return poller;
}

/**
 * Reads the positions of all logs with one command. In a cluster, one command reaches only the logs of one slot, so
 * each log is polled separately, a part of them at a time.
 */
function pollOf(redis: RedisClient): ConstructorParameters<typeof Poller>[0] {
  let seen: Record<string, string | undefined> = {};
  let isCluster = false;
  let turn = 0;
  return async (keys) => {
    const positions = Object.fromEntries(keys.map((key) => [key, seen[key]]));
    const ask = async (asked: readonly string[]): Promise<void> => {
      const { positions: script } = scripts;
      const replies = await run(redis, script, asked, [], POLL_TIMEOUT);
      for (const [i, key] of asked.entries()) {
        positions[key] = replies[i] || undefined;
      }
    };
    try {
      for (let i = 0; i < keys.length && !isCluster; i += MAX_POLLED) {
        await ask(keys.slice(i, i + MAX_POLLED));
      }
    } catch (error) {
      isCluster = String(error).includes("CROSSSLOT");
      if (!isCluster) throw error;
    }
    const share = isCluster ? Math.ceil(keys.length / POLLS_PER_ROUND) : 0;
    for (let i = 0; i < share; i++) await ask([keys[turn++ % keys.length]!]);
    return seen = positions;
  };
}

/** Returns a number as a script's argument; no limit is `""`. */
function argument(value: number | undefined): string {
  return value === undefined || value === Infinity ? "" : String(value);
}

function checkClient(redis: RedisClient): void {
  if (typeof redis !== "object" || redis === null) {
    throw new TypeError(
      `Cannot open log: redis must be what an adapter gave: received ${
        describe(redis)
      }`,
    );
  }
  if (typeof redis.send !== "function") {
    throw new TypeError(
      `Cannot open log: redis.send must be a function: received ${
        describe(redis.send)
      }`,
    );
  }
  checkFunction("Cannot open log: redis.subscribe", redis.subscribe);
}
