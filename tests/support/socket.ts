/** A client that reads from its connection only on request. */
export class Socket implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #decoder = new TextDecoder();

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Sends a GET request. */
  static async open(
    url: string,
    headers: Record<string, string> = {},
  ): Promise<Socket> {
    const { hostname, port, pathname, search } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const lines = Object.entries(headers).map(([name, value]) =>
      `${name}: ${value}\r\n`
    ).join("");
    const head = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n`;
    await connection.write(new TextEncoder().encode(`${head}${lines}\r\n`));
    return new Socket(connection);
  }

  /** Reads what has arrived, at most this many bytes. Throws at the end of the response. */
  async read(size: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(size);
    const length = await this.#connection.read(buffer);
    if (length === null) throw new Error("The response ended");
    return buffer.subarray(0, length);
  }

  /** Reads until a text or the end of the response. Returns what it has read. */
  async until(text: string): Promise<string> {
    const buffer = new Uint8Array(65536);
    let all = "";
    let tail = "";
    while (!tail.includes(text)) {
      const length = await this.#connection.read(buffer);
      if (length === null) break;
      const piece = this.#decoder.decode(buffer.subarray(0, length), {
        stream: true,
      });
      all += piece;
      tail = tail.slice(-text.length) + piece;
    }
    return all;
  }

  /** Closes the connection without reading what has arrived. */
  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
