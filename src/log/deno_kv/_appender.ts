import type { Retention } from "../_log.ts";
import type { AppendOptions, LogInput, LogPosition } from "../event_log.ts";
import { type KvAccess, MAX_GET } from "./_access.ts";
import { type Append, Batch, MAX_APPENDS, type Sight } from "./_batch.ts";
import { type Commit, type KnownKey, planCommit, WRITER } from "./_commit.ts";
import { clear, rewrite } from "./_expiry.ts";
import { headOf } from "./_head.ts";
import { Turns } from "./_turns.ts";
import { unavailable } from "./_unavailable.ts";
import { untilWon } from "./_until_won.ts";
import type { KvEntry } from "./kv_store.ts";

/**
 * Appends to one log for a whole process: what comes while a commit is under way goes into the next one together.
 * Other processes may append too, so a commit depends on the head, and is planned anew when that has changed.
 */
export class KvAppender {
  readonly #access: KvAccess;
  readonly #retention: Retention;
  readonly #onCommit: (versionstamp?: string) => void;
  readonly #queue: Append[] = [];
  readonly #turns = new Turns();
  #running = false;
  /** The commit that was tried last for what waits. */
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

  append(
    entries: readonly LogInput[],
    sizes: readonly number[],
    options: AppendOptions,
  ): Promise<LogPosition> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ entries, sizes, options, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // What is appended in one turn of the event loop goes together.
    await null;
    while (this.#queue.length > 0) await this.#appendNext();
    this.#running = false;
  }

  /** Appends as much as goes into one commit, or rejects all that waits. */
  async #appendNext(): Promise<void> {
    this.#tried = undefined;
    await this.#turns.wait();
    try {
      const batch = await untilWon(
        () => this.#attempt(),
        this.#access.timeout,
      );
      this.#queue.splice(0, batch.length);
      batch.settle();
    } catch (error) {
      // All that waits, or it would wait longer and longer while the database is away.
      for (const { reject } of this.#queue.splice(0)) {
        reject(unavailable("append", error));
      }
    }
  }

  /** Gives what has been appended, or refused, unless another writer came first. */
  async #attempt(): Promise<Batch | undefined> {
    const start = performance.now();
    const appends = this.#queue.slice(0, MAX_APPENDS);
    const sight = await this.#look(appends);
    if (sight === undefined) {
      this.#onCommit();
      return this.#tried!.batch;
    }
    const batch = new Batch(sight, this.#retention, this.#access.keys);
    for (const append of appends) if (!batch.add(append)) break;
    if (batch.entries.length === 0) return batch;
    if (!await this.#prepare(sight)) return undefined;
    this.#tried = await planCommit(
      this.#access,
      this.#retention,
      batch,
      sight,
    );
    const versionstamp = await this.#access.commit(this.#tried.operation);
    if (versionstamp === undefined) return undefined;
    this.#turns.end(start);
    this.#onCommit(versionstamp);
    return batch;
  }

  /** Reads the log's head; gives `undefined` when the commit that was tried has been done after all. */
  async #look(appends: readonly Append[]): Promise<Sight | undefined> {
    const { keys } = this.#access;
    const [entry, proof] = await this.#access.getMany(
      this.#tried ? [keys.head, this.#tried.proof] : [keys.head],
    ) as [KvEntry, KvEntry | undefined];
    // The client of a remote database sends a commit again when the answer is lost, and is told that it came too late.
    const { commit } = (proof?.value ?? {}) as { commit?: string };
    if (commit !== undefined && commit === this.#tried?.name) return undefined;
    const now = Date.now();
    const head = headOf(entry, now);
    if (head && head.writer !== WRITER) this.#turns.yieldTo();
    // Read behind the head, they hold for as long as it is the same. Those of a log that is gone are nothing.
    const known = head ? await this.#readKeys(appends, now) : new Map();
    return { versionstamp: entry.versionstamp, head, known, now };
  }

  async #readKeys(
    appends: readonly Append[],
    now: number,
  ): Promise<Map<string, number>> {
    const names = [
      ...new Set(
        appends.flatMap(({ options }) => options.idempotencyKey ?? []),
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

  /** Undoes an expiry, or clears away what one left; gives `false` when another writer came first. */
  async #prepare({ head, versionstamp }: Sight): Promise<boolean> {
    if (head === undefined) return await clear(this.#access, versionstamp);
    if (head.goneAt === Infinity) return true;
    return await rewrite(this.#access, head, versionstamp, {}) &&
      Date.now() < head.goneAt;
  }
}
