import { sleep } from "../internal/abort.ts";
import type { Retention } from "../log/check.ts";
import {
  type AppendOutcome,
  type PendingAppend,
  unavailable,
} from "../log/engine.ts";
import { type KvAccess, MAX_GET, retryOnConflict } from "./access.ts";
import {
  Batch,
  type Commit,
  type KnownKey,
  planCommit,
  type Sight,
  WRITER,
} from "./commit.ts";
import { headOf } from "./head.ts";
import type { KvEntry } from "./store.ts";
import { clear, rewrite } from "./trim.ts";

/** The maximum number of appends considered for one commit. */
const MAX_APPENDS = 500;

/** An append that waits for its commit. */
interface Waiting {
  readonly append: PendingAppend;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends to one log for this process. Appends that arrive during a commit share the next one. Other processes may
 * append too, so a commit depends on the head and is planned again if the head has changed.
 */
export class KvAppender {
  readonly #access: KvAccess;
  readonly #retention: Retention;
  readonly #onCommit: (versionstamp?: string) => void;
  readonly #queue: Waiting[] = [];
  readonly #turns = new Turns();
  #running = false;
  /** The last commit that was tried for the waiting appends. */
  #tried: Commit | undefined;

  constructor(
    access: KvAccess,
    retention: Retention,
    onCommit: (versionstamp?: string) => void,
  ) {
    this.#access = access;
    this.#retention = retention;
    this.#onCommit = onCommit;
  }

  append(append: PendingAppend): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ append, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Appends of one turn of the event loop share a commit.
    await null;
    while (this.#queue.length > 0) await this.#appendNext();
    this.#running = false;
  }

  /** Appends as much as fits into one commit, or rejects everything that waits. */
  async #appendNext(): Promise<void> {
    this.#tried = undefined;
    await this.#turns.wait();
    try {
      const batch = await retryOnConflict(
        () => this.#attempt(),
        this.#access.timeout,
      );
      const settled = this.#queue.splice(0, batch.outcomes.length);
      for (const [i, { resolve }] of settled.entries()) {
        resolve(batch.outcomes[i]!);
      }
    } catch (error) {
      // Reject everything: the queue would grow while the database cannot be reached.
      for (const { reject } of this.#queue.splice(0)) {
        reject(unavailable("append", "Deno KV", error));
      }
    }
  }

  /** Returns the appends that have been stored or refused, `undefined` if another writer committed first. */
  async #attempt(): Promise<Batch | undefined> {
    const start = performance.now();
    const waiting = this.#queue.slice(0, MAX_APPENDS);
    const sight = await this.#look(waiting);
    if (sight === undefined) {
      this.#onCommit();
      return this.#tried!.batch;
    }
    const batch = new Batch(sight, this.#retention, this.#access.keys);
    for (const { append } of waiting) if (!batch.add(append)) break;
    if (batch.entries.length === 0) return batch;
    const versionstamp = await this.#prepare(sight);
    if (versionstamp === undefined) return undefined;
    this.#tried = await planCommit(
      this.#access,
      this.#retention,
      batch,
      sight,
      versionstamp,
    );
    const stamp = await this.#access.commit(this.#tried.operation);
    if (stamp === undefined) return undefined;
    this.#turns.end(start);
    this.#onCommit(stamp);
    return batch;
  }

  /** Reads the log's head; returns `undefined` if the commit that was tried has succeeded after all. */
  async #look(waiting: readonly Waiting[]): Promise<Sight | undefined> {
    const { keys } = this.#access;
    const [entry, proof] = await this.#access.getMany(
      this.#tried ? [keys.head, this.#tried.proof] : [keys.head],
    ) as [KvEntry, KvEntry | undefined];
    // The client of a remote database resends a commit whose response was lost, and then receives a conflict.
    const { commit } = (proof?.value ?? {}) as { commit?: string };
    if (commit !== undefined && commit === this.#tried?.name) return undefined;
    const now = Date.now();
    const head = headOf(entry, now);
    if (head && head.writer !== WRITER) this.#turns.yieldTo();
    // Keys read after the head are valid while the head stays the same. Keys of an expired log do not count.
    const known = head ? await this.#readKeys(waiting, now) : new Map();
    return { entry, head, known, now };
  }

  async #readKeys(
    waiting: readonly Waiting[],
    now: number,
  ): Promise<Map<string, number>> {
    const names = [
      ...new Set(
        waiting.flatMap(({ append }) => append.options.idempotencyKey ?? []),
      ),
    ];
    const keys = names.map((name) => this.#access.keys.idempotency(name));
    const reads: Promise<KvEntry[]>[] = [];
    for (let i = 0; i < keys.length; i += MAX_GET) {
      reads.push(this.#access.getMany(keys.slice(i, i + MAX_GET)));
    }
    const known = new Map<string, number>();
    for (const [i, { value }] of (await Promise.all(reads)).flat().entries()) {
      const key = value as KnownKey | null;
      if (key !== null && now < key.forgetAt) known.set(names[i]!, key.seq);
    }
    return known;
  }

  /**
   * Undoes an expiry, or deletes what an expired log left. Returns the head's versionstamp, or `undefined` if another
   * writer committed first.
   */
  async #prepare({ head, entry }: Sight): Promise<string | null | undefined> {
    if (head === undefined) return await clear(this.#access, entry);
    const { versionstamp } = entry;
    if (head.goneAt === Infinity) return versionstamp;
    const isKept = await rewrite(this.#access, head, versionstamp, {}) &&
      Date.now() < head.goneAt;
    return isKept ? versionstamp : undefined;
  }
}

/** Milliseconds after another process has appended in which this process leaves it turns. */
const RIVALRY = 1000;
/** The longest turn of another process, as a multiple of the duration of one here. */
const TURN = 4;

/**
 * Lets the processes that append to one log take turns. Otherwise the last to commit would keep winning, because the
 * others have to read its commit before they can plan theirs.
 */
class Turns {
  #rivalAt = -Infinity;
  #nextAt = 0;

  /** Notes that another process has appended. */
  yieldTo(): void {
    this.#rivalAt = performance.now();
  }

  /** Notes that this process has appended, in a turn that started at `start`. */
  end(start: number): void {
    const now = performance.now();
    this.#nextAt = now + (now - start) * TURN * Math.random();
  }

  /** Waits for the next turn, if another process appends too. */
  async wait(): Promise<void> {
    const now = performance.now();
    if (now >= this.#nextAt || now - this.#rivalAt > RIVALRY) return;
    await sleep(this.#nextAt - now);
  }
}
