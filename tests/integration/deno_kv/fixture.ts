import { type Process, startDeno } from "../../../tools/process.ts";
import {
  DenoKvLog,
  type DenoKvLogOptions,
  type KvAtomicOperation,
  type KvStore,
} from "../../../src/deno_kv/mod.ts";
import type { LogEntry, LogInput } from "../../../src/log/log.ts";
import { isFree } from "../sqlite/sqlite_file.ts";

/** A database for one test, opened as often as that wants. */
export abstract class KvDatabase implements AsyncDisposable {
  /** The argument of `Deno.openKv()`. */
  abstract readonly path: string;
  readonly #opened = new Set<Deno.Kv>();

  /** The arguments of a process that opens it. */
  get args(): string[] {
    return ["denoKv", this.path];
  }

  /** Opens it once more. */
  async open(): Promise<Deno.Kv> {
    const kv = await Deno.openKv(this.path);
    this.#opened.add(kv);
    return kv;
  }

  /** Opens it once more, for a log. */
  async log(name: string, options?: DenoKvLogOptions): Promise<DenoKvLog> {
    return new DenoKvLog(await this.open(), name, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const kv of this.#opened) {
      try {
        kv.close();
      } catch {
        // The test has closed it.
      }
    }
    await this.remove();
  }

  /** Deletes the data. */
  protected abstract remove(): Promise<void>;
}

/** A database in a file. */
export class KvFile extends KvDatabase {
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string) {
    super();
    this.#folder = folder;
    this.path = `${folder}/kv.db`;
  }

  static async make(): Promise<KvFile> {
    return new KvFile(await Deno.makeTempDir({ prefix: "deno_kv_" }));
  }

  /** Returns whether no process is writing to the file. */
  isFree(): boolean {
    return isFree(this.path);
  }

  protected remove(): Promise<void> {
    return Deno.remove(this.#folder, { recursive: true });
  }
}

/** How to get in the way of a database that does everything else for real. */
export interface Interference {
  /** Called before one value, or some, are read. */
  get?(): Promise<void>;
  /** Called when values are read together, as a poll does. */
  look?(): void;
  /** Called before a list is read. */
  list?(): Promise<void>;
  /** Called instead of a commit. */
  commit?(commit: KvAtomicOperation["commit"]): ReturnType<
    KvAtomicOperation["commit"]
  >;
  /** Called when keys are watched. */
  watch?(): void;
}

/** A store whose calls a test can intercept. */
export function interfere(kv: Deno.Kv, on: Interference): KvStore {
  return {
    async get(key, options) {
      await on.get?.();
      return await kv.get(key, options);
    },
    async getMany(keys, options) {
      on.look?.();
      await on.get?.();
      return await kv.getMany(keys, options);
    },
    async *list(selector, options) {
      await on.list?.();
      yield* kv.list(selector, options);
    },
    atomic() {
      const operation: KvAtomicOperation = kv.atomic();
      const commit = operation.commit.bind(operation);
      if (on.commit) operation.commit = () => on.commit!(commit);
      return operation;
    },
    watch(keys) {
      on.watch?.();
      return kv.watch(keys);
    },
  };
}

/** Events with these bodies. */
export function events(...bodies: string[]): LogInput[] {
  return bodies.map((body) => ({ kind: "event", body }));
}

/** Reads all that a log keeps. */
export async function readAll(log: DenoKvLog): Promise<LogEntry[]> {
  const limit = { entries: 1000, bytes: 1_000_000 };
  const read: LogEntry[] = [];
  for (;;) {
    const { entries } = await log.read(read.at(-1)?.seq ?? 0, limit);
    if (entries.length === 0) return read;
    read.push(...entries);
  }
}

/** Reads the bodies of all that a log keeps. */
export async function readBodies(log: DenoKvLog): Promise<string[]> {
  return (await readAll(log)).map(({ body }) => body);
}

/** Counts the keys of all logs in a database. */
export async function countKeys(kv: Deno.Kv): Promise<number> {
  const keys = await Array.fromAsync(kv.list({ prefix: ["rivulet"] }));
  return keys.length;
}

/** Starts a process with a log in a database. */
export function startPeer(path: string): Process {
  return startDeno(new URL("./peer.ts", import.meta.url), [path], {
    input: true,
    flags: ["--no-check"],
  });
}

/** The whole lines that it has written and that begin with a sign, without it. */
export function marked({ stdout }: Process, sign: string): string[] {
  // A killed process may leave an incomplete last line.
  return stdout.split("\n").slice(0, -1)
    .filter((line) => line.startsWith(sign))
    .map((line) => line.slice(sign.length));
}
