/** A TCP proxy on the loopback interface that can cut its connections. */
export class Proxy {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #connections = new Set<Deno.TcpConn>();
  #muted = false;

  /** Starts listening. */
  constructor(target: number) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#target = target;
    this.#accept();
  }

  /** Drops what the server sends from now on. Clients can still send. */
  mute(): void {
    this.#muted = true;
  }

  /** Closes all connections. Later ones are forwarded normally. */
  cut(): void {
    this.#muted = false;
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.cut();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const server = await Deno.connect({ port: this.#target });
      this.#connections.add(client).add(server);
      this.#pump(client, server, () => false);
      this.#pump(server, client, () => this.#muted);
    }
  }

  async #pump(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    isMuted: () => boolean,
  ): Promise<void> {
    const writer = to.writable.getWriter();
    try {
      for await (const chunk of from.readable) {
        if (!isMuted()) await writer.write(chunk);
      }
    } catch {
      // The connection was cut, by this proxy or by one of its ends.
    }
    for (const connection of [from, to]) {
      if (this.#connections.delete(connection)) close(connection);
    }
  }
}

/** Closes a connection, unless a failed stream has already closed it. */
function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
