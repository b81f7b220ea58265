import net from "node:net";
import type { Cut, Fault, Plan } from "./fault_plan.ts";
import { pause as sleep } from "../../../tools/pause.ts";

/** The part of the exchange in which a connection was cut. */
export type Place = "request" | "head" | "stream";

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
  readonly #draw: (connection: number) => Plan;
  readonly #targets: readonly number[];
  readonly #server: net.Server;
  readonly #links = new Set<Link>();
  readonly #held: Link[] = [];

  private constructor(
    targets: readonly number[],
    draw: (connection: number) => Plan,
  ) {
    this.#targets = targets;
    this.#draw = draw;
    this.#server = net.createServer((client) => this.#accept(client));
  }

  /** Starts a proxy in front of servers, used in turn; a plan is requested by the number of the connection. */
  static async start(
    urls: readonly string[],
    draw: (connection: number) => Plan,
  ): Promise<FaultProxy> {
    const ports = urls.map((url) => Number(new URL(url).port));
    const proxy = new FaultProxy(ports, draw);
    await new Promise<void>((resolve) =>
      proxy.#server.listen(0, "127.0.0.1", resolve)
    );
    return proxy;
  }

  get url(): string {
    const { port } = this.#server.address() as net.AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** The number of connections that are half-open now. */
  get held(): number {
    return this.#held.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    await Promise.all([...this.#links].map((link) => link.destroy()));
  }

  #accept(client: net.Socket): void {
    const index = this.connections++;
    const port = this.#targets[index % this.#targets.length]!;
    const server = net.connect(port, "127.0.0.1");
    const link = new Link(client, server, this.#draw(index), (cut, place) => {
      this.cuts[cut.fault]++;
      this.places[place]++;
      if (cut.fault !== "half-open") return;
      this.#held.push(link);
      if (this.#held.length > MAX_HELD) void this.#held.shift()!.destroy();
    });
    this.#links.add(link);
    link.closed.then(() => this.#links.delete(link));
  }
}

type OnCut = (cut: Cut, place: Place) => void;

/** A client's connection, and the one to its server. */
class Link {
  /** Resolves when both are closed and nothing is forwarded any more. */
  readonly closed: Promise<unknown>;
  readonly #client: net.Socket;
  readonly #server: net.Socket;
  readonly #plan: Plan;
  readonly #onCut: OnCut;
  readonly #head = new HeadEnd();
  #isHalfOpen = false;

  constructor(
    client: net.Socket,
    server: net.Socket,
    plan: Plan,
    onCut: OnCut,
  ) {
    this.#client = client;
    this.#server = server;
    this.#plan = plan;
    this.#onCut = onCut;
    const closes = [client, server].map((socket) => {
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
    this.#client.destroy();
    this.#server.destroy();
    await this.closed;
  }

  async #pump(
    from: net.Socket,
    to: net.Socket,
    direction: Cut["direction"],
  ): Promise<void> {
    const { cut } = this.#plan;
    const limit = cut?.direction === direction ? cut.after : Infinity;
    let sent = 0;
    // The caller must have received this object first.
    await null;
    if (limit === 0) return this.#cutHere();
    for await (const chunk of chunksOf(from, this.#plan.pause)) {
      for (const piece of piecesOf(chunk, this.#plan.piece)) {
        if (this.#isHalfOpen) return;
        const part = piece.subarray(0, limit - sent);
        await write(to, part);
        if (direction === "response") this.#head.push(part);
        sent += part.length;
        if (sent === limit) return this.#cutHere();
      }
    }
    if (!this.#isHalfOpen) to.end();
  }

  #cutHere(): void {
    const { cut } = this.#plan;
    if (cut === undefined || this.#isHalfOpen) return;
    if (this.#client.destroyed || this.#server.destroyed) return;
    const place = cut.direction === "request"
      ? "request"
      : this.#head.found
      ? "stream"
      : "head";
    this.#onCut(cut, place);
    this.#isHalfOpen = cut.fault === "half-open";
    if (this.#isHalfOpen) {
      this.#client.pause();
      this.#server.pause();
    } else if (cut.fault === "reset") {
      this.#client.resetAndDestroy();
      this.#server.resetAndDestroy();
    } else {
      // Written data is sent before the FIN.
      this.#client.end(() => this.#client.destroy());
      this.#server.end(() => this.#server.destroy());
    }
  }
}

/** Finds the blank line after the head of a response. */
class HeadEnd {
  found = false;
  #last = "";

  push(bytes: Uint8Array): void {
    if (this.found) return;
    this.#last += new TextDecoder("latin1").decode(bytes);
    this.found = this.#last.includes("\r\n\r\n");
    this.#last = this.#last.slice(-3);
  }
}

/** The data that a socket receives: it is read only on request, and then everything that has arrived. */
async function* chunksOf(
  socket: net.Socket,
  pause: number,
): AsyncGenerator<Uint8Array> {
  let wake = () => {};
  for (const type of ["readable", "end", "close"]) {
    socket.on(type, () => wake());
  }
  for (;;) {
    if (pause > 0) await sleep(pause);
    const chunk = socket.read();
    if (chunk !== null) yield chunk;
    else if (socket.readableEnded || socket.destroyed) return;
    else await new Promise<void>((resolve) => wake = resolve);
  }
}

function* piecesOf(chunk: Uint8Array, size: number): Generator<Uint8Array> {
  // Some small pieces cover every boundary; a megabyte of them would find nothing more.
  const small = Math.min(chunk.length, 100 * size);
  for (let i = 0; i < small; i += size) yield chunk.subarray(i, i + size);
  if (small < chunk.length) yield chunk.subarray(small);
}

/** Writes, and waits while the other end applies backpressure. */
async function write(socket: net.Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || socket.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
