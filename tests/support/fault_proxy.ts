import net from "node:net";
import { pause as sleep } from "../../tools/pause.ts";

/** How a connection ends: a FIN, an RST, or nothing, as when a peer vanishes. */
export type Fault = "drop" | "reset" | "half-open";

/** The part of the exchange in which a connection was cut. */
export type Place = "request" | "head" | "stream";

/** What happens to one connection. */
export interface Plan {
  /** The maximum bytes forwarded in one write. */
  readonly piece: number;
  /** Milliseconds to wait after each read, while more data collects. */
  readonly pause: number;
  /** `undefined` if the connection is not cut. */
  readonly cut: Cut | undefined;
}

/** Where and how a connection is cut. */
export interface Cut {
  readonly direction: "request" | "response";
  /** Bytes forwarded in that direction before the cut. */
  readonly after: number;
  readonly fault: Fault;
}

/** Forwards what arrives. */
const NOTHING: Plan = { piece: 65536, pause: 0, cut: undefined };

/** The maximum half-open connections: they last longer than any client waits, and do not exhaust the descriptors. */
const MAX_HELD = 400;

/**
 * A TCP proxy that applies a plan to each connection: it splits, collects and delays the data it forwards, and cuts
 * the connection. If it leaves a connection half-open, it stops reading from it and closes neither end.
 */
export class FaultProxy implements AsyncDisposable {
  /** The number of cut connections, by kind and by place. */
  readonly cuts: Record<Fault, number> = { drop: 0, reset: 0, "half-open": 0 };
  readonly places: Record<Place, number> = { request: 0, head: 0, stream: 0 };
  connections = 0;
  /** Whether it drops what servers send. Clients can still send. */
  isMuted = false;
  readonly #server: net.Server;
  readonly #links = new Set<Link>();
  readonly #held: Link[] = [];

  private constructor(
    ports: readonly number[],
    draw: (connection: number) => Plan,
  ) {
    this.#server = net.createServer((client) => {
      const index = this.connections++;
      const server = net.connect(ports[index % ports.length]!, "127.0.0.1");
      const link = new Link(client, server, draw(index), this);
      this.#links.add(link);
      link.closed.then(() => this.#links.delete(link));
    });
  }

  /** Starts a proxy in front of servers, used in turn; a plan is requested by the number of the connection. */
  static async start(
    ports: readonly number[],
    draw: (connection: number) => Plan = () => NOTHING,
  ): Promise<FaultProxy> {
    const proxy = new FaultProxy(ports, draw);
    await new Promise<void>((resolve) =>
      proxy.#server.listen(0, "127.0.0.1", resolve)
    );
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The number of connections that are half-open now. */
  get held(): number {
    return this.#held.length;
  }

  /** Closes all connections, and forwards everything on later ones. */
  async cut(): Promise<void> {
    this.isMuted = false;
    await Promise.all([...this.#links].map((link) => link.destroy()));
  }

  /** Counts the cut of a connection. */
  record(link: Link, fault: Fault, place: Place): void {
    this.cuts[fault]++;
    this.places[place]++;
    if (fault !== "half-open") return;
    this.#held.push(link);
    if (this.#held.length > MAX_HELD) void this.#held.shift()!.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await this.cut();
  }
}

/** A client's connection, and the one to its server. */
class Link {
  /** Resolves when both are closed and nothing is forwarded any more. */
  readonly closed: Promise<unknown>;
  readonly #sockets: readonly net.Socket[];
  readonly #plan: Plan;
  readonly #proxy: FaultProxy;
  #isHalfOpen = false;
  /** The start of the response, until its head is complete. */
  #head = "";

  constructor(
    client: net.Socket,
    server: net.Socket,
    plan: Plan,
    proxy: FaultProxy,
  ) {
    this.#sockets = [client, server];
    this.#plan = plan;
    this.#proxy = proxy;
    const closes = this.#sockets.map((socket) => {
      socket.setNoDelay(true);
      // A "close" event follows, which is handled.
      socket.on("error", () => {});
      return new Promise<void>((resolve) => socket.once("close", resolve));
    });
    this.closed = Promise.all([
      ...closes,
      this.#pump(client, server, "request"),
      this.#pump(server, client, "response"),
    ]);
  }

  async destroy(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.closed;
  }

  async #pump(
    from: net.Socket,
    to: net.Socket,
    direction: Cut["direction"],
  ): Promise<void> {
    const { cut, piece, pause } = this.#plan;
    let left = cut?.direction === direction ? cut.after : Infinity;
    // The caller must have received this object first.
    await null;
    if (left === 0) return this.#cut();
    for await (const chunk of chunksOf(from)) {
      if (pause > 0) await sleep(pause);
      if (direction === "response" && this.#proxy.isMuted) continue;
      for (const whole of piecesOf(chunk, piece)) {
        if (this.#isHalfOpen) return;
        const part = whole.subarray(0, left);
        // Waits while the other end applies backpressure.
        await new Promise((resolve) => to.write(part, resolve));
        if (direction === "response" && !this.#head.includes("\r\n\r\n")) {
          this.#head += new TextDecoder("latin1").decode(part);
        }
        left -= part.length;
        if (left === 0) return this.#cut();
      }
    }
    if (!this.#isHalfOpen) to.end();
  }

  #cut(): void {
    const { cut } = this.#plan;
    const isOver = this.#sockets.some(({ destroyed }) => destroyed);
    if (cut === undefined || this.#isHalfOpen || isOver) return;
    const place = this.#head.includes("\r\n\r\n") ? "stream" : "head";
    const isRequest = cut.direction === "request";
    this.#proxy.record(this, cut.fault, isRequest ? "request" : place);
    this.#isHalfOpen = cut.fault === "half-open";
    for (const socket of this.#sockets) {
      if (cut.fault === "half-open") socket.pause();
      else if (cut.fault === "reset") socket.resetAndDestroy();
      // Written data is sent before the FIN.
      else socket.end(() => socket.destroy());
    }
  }
}

/** The data that a socket receives: it is read only on request, and then everything that has arrived. */
async function* chunksOf(socket: net.Socket): AsyncGenerator<Uint8Array> {
  try {
    yield* socket.iterator({ destroyOnReturn: false });
  } catch {
    // The connection was reset, or closed by a cut.
  }
}

function* piecesOf(chunk: Uint8Array, size: number): Generator<Uint8Array> {
  // Some small pieces cover every boundary; a megabyte of them would find nothing more.
  const small = Math.min(chunk.length, 100 * size);
  for (let i = 0; i < small; i += size) yield chunk.subarray(i, i + size);
  if (small < chunk.length) yield chunk.subarray(small);
}
