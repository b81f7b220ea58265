import { DatabaseSync } from "node:sqlite";
import { freePort } from "../../support/port.ts";
import { KvDatabase } from "./fixture.ts";
import {
  type Field,
  type Message,
  readMessage,
  writeMessage,
} from "./protobuf.ts";

const SUCCESS = 1;
const CHECK_FAILURE = 2;
const DELETE = 2;

interface Row {
  k: Uint8Array;
  v: Uint8Array;
  encoding: number;
  version: number;
}

/**
 * A database on a server, by the protocol "KV Connect", through which Deno reaches the database of Deno Deploy: so much
 * of it as a log needs.
 */
export class ConnectServer extends KvDatabase {
  /** How many of the next commits are done, and answered with an error. */
  lostAnswers = 0;
  /** Whether commits are refused. */
  isAway = false;
  readonly #database = new Database();
  #abort = new AbortController();
  #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    super();
    // Deno sends it along, and does not open a database by its URL without one.
    Deno.env.set("DENO_KV_ACCESS_TOKEN", "a token for tests");
    this.#server = this.#listen(freePort());
  }

  get path(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Closes all connections, and refuses new ones. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#server.finished;
  }

  /** Listens again on the same port, with the same data. */
  restart(): void {
    this.#server = this.#listen(this.#server.addr.port);
  }

  protected async remove(): Promise<void> {
    this.#database.close();
    await this.#server.shutdown();
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    return Deno.serve(
      { hostname: "127.0.0.1", port, signal, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  async #answer(request: Request): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    switch (new URL(request.url).pathname) {
      case "/data/snapshot_read":
        return answer(this.#database.read(readMessage(body)));
      case "/data/atomic_write":
        return this.#write(body);
      case "/data/watch":
        return new Response(this.#database.watch(readMessage(body)));
      default:
        return Response.json({
          version: 3,
          databaseId: "00000000-0000-4000-8000-000000000000",
          endpoints: [{ url: "/data", consistency: "strong" }],
          token: "a token",
          expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
        });
    }
  }

  #write(body: Uint8Array): Response {
    if (this.isAway) return new Response("Away", { status: 503 });
    const output = this.#database.write(readMessage(body));
    if (this.lostAnswers === 0) return answer(output);
    this.lostAnswers--;
    return new Response("The answer is lost", { status: 502 });
  }
}

function answer(fields: Field[]): Response {
  return new Response(writeMessage(fields) as Uint8Array<ArrayBuffer>);
}

class Database {
  readonly #sqlite = new DatabaseSync(":memory:");
  readonly #watches = new Set<() => void>();
  #version = 0;

  constructor() {
    this.#sqlite.exec(
      "create table kv (k blob primary key, v blob, encoding integer, version integer) without rowid",
    );
  }

  close(): void {
    this.#sqlite.close();
  }

  read({ 1: ranges = [] }: Message): Field[] {
    const outputs = ranges.map((range): Field => {
      const { 1: start, 2: end, 3: limit } = readMessage(range as Uint8Array);
      const rows = this.#sqlite.prepare(
        "select * from kv where k >= ? and k < ? order by k limit ?",
      ).all(start![0]!, end![0]!, limit![0]!) as unknown as Row[];
      return [1, rows.map((row): Field => [1, entryOf(row)])];
    });
    return [...outputs, [4, 1], [8, SUCCESS]];
  }

  write({ 1: checks = [], 2: mutations = [] }: Message): Field[] {
    for (const check of checks) {
      const { 1: key, 2: stamp } = readMessage(check as Uint8Array);
      const version = this.#get(key![0] as Uint8Array)?.version ?? 0;
      const expected = stamp === undefined
        ? 0
        : versionOf(stamp[0] as Uint8Array);
      if (version !== expected) return [[1, CHECK_FAILURE]];
    }
    this.#version++;
    for (const mutation of mutations) {
      const { 1: key, 2: value, 3: type } = readMessage(mutation as Uint8Array);
      this.#sqlite.prepare("delete from kv where k = ?").run(key![0]!);
      if (Number(type![0]) === DELETE) continue;
      const { 1: data, 2: encoding } = readMessage(value![0] as Uint8Array);
      this.#sqlite.prepare("insert into kv values (?, ?, ?, ?)")
        .run(
          key![0]!,
          data?.[0] ?? new Uint8Array(),
          encoding![0]!,
          this.#version,
        );
    }
    for (const tell of this.#watches) tell();
    return [[1, SUCCESS], [2, stampOf(this.#version)]];
  }

  watch({ 1: keys = [] }: Message): ReadableStream<Uint8Array> {
    const { 1: key } = readMessage(keys[0] as Uint8Array);
    let tell = () => {};
    return new ReadableStream({
      start: (controller) => {
        tell = () =>
          controller.enqueue(frameOf(this.#get(key![0] as Uint8Array)));
        tell();
        this.#watches.add(tell);
      },
      cancel: () => void this.#watches.delete(tell),
    });
  }

  #get(key: Uint8Array): Row | undefined {
    return this.#sqlite.prepare("select * from kv where k = ?").get(key) as
      | Row
      | undefined;
  }
}

function entryOf({ k, v, encoding, version }: Row): Field[] {
  return [[1, k], [2, v], [3, encoding], [4, stampOf(version)]];
}

/** A watch message: its length, then its bytes. */
function frameOf(row: Row | undefined): Uint8Array {
  const entry: Field[] = row === undefined ? [] : [[2, entryOf(row)]];
  const message = writeMessage([[1, SUCCESS], [2, [[1, 1], ...entry]]]);
  const frame = new Uint8Array(4 + message.length);
  new DataView(frame.buffer).setUint32(0, message.length, true);
  frame.set(message, 4);
  return frame;
}

function stampOf(version: number): Uint8Array {
  const stamp = new Uint8Array(10);
  new DataView(stamp.buffer).setBigUint64(0, BigInt(version));
  return stamp;
}

function versionOf(stamp: Uint8Array): number {
  return Number(new DataView(stamp.buffer, stamp.byteOffset).getBigUint64(0));
}
