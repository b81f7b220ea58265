import { fuzzInput } from "../../codec/fuzz.ts";

const encoder = new TextEncoder();
const page = '<!doctype html><link rel="icon" href="data:,">';

/** Serves the fuzzing's streams by number at `/N`, chunk by chunk over a raw socket, and an empty page at `/`. */
export class StreamServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #seed: number;
  readonly #accepting: Promise<void>;
  readonly #connections = new Set<Promise<void>>();

  constructor(seed: number) {
    this.#seed = seed;
    this.#accepting = this.#accept();
  }

  /** `http://127.0.0.1:PORT/` */
  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#connections);
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      const serving = this.#serve(connection).finally(() => {
        connection.close();
        this.#connections.delete(serving);
      });
      this.#connections.add(serving);
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    // So that each chunk is sent as a separate packet.
    connection.setNoDelay();
    const path = await readPath(connection);
    // Browsers open connections in advance, and close them unused.
    if (path === undefined) return;
    const [type, chunks] = path === ""
      ? ["text/html", [encoder.encode(page)]]
      : ["text/event-stream", fuzzInput(this.#seed, Number(path)).chunks];
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n` +
      "cache-control: no-store\r\nconnection: close\r\n\r\n";
    for (const chunk of [encoder.encode(head), ...chunks]) {
      for (let done = 0; done < chunk.length;) {
        done += await connection.write(chunk.subarray(done));
      }
    }
  }
}

/** Reads a request and returns its path without the slash, `undefined` without a request. */
async function readPath(connection: Deno.Conn): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  while (!text.endsWith("\r\n\r\n")) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) return undefined;
    text += decoder.decode(buffer.subarray(0, length));
  }
  return text.slice("GET /".length, text.indexOf(" ", 5));
}
