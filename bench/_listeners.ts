/**
 * Listeners in a separate process: bare connections that count the events they receive. Arguments: port, path, number
 * of listeners, and the number of events of each phase; without phases they stop reading. It prints `ready` when all
 * listen, and after each phase the milliseconds since the requests, and the median and the 99th percentile of the
 * delay.
 */
import { MARK, now } from "./_mark.ts";

const [port, path, connections, ...phases] = Deno.args as [
  string,
  string,
  ...string[],
];
const mark = MARK.charCodeAt(0);
const request = new TextEncoder().encode(
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n`,
);
const TIME_LENGTH = 17;
const AT_ONCE = 50;
/** The number of delays that are kept. */
const SAMPLE = 500_000;

let delays: number[] = [];
let seen = 0;
let wanted = 0;
let onSeen = (): void => {};

function count(bytes: Uint8Array): number {
  const time = now();
  let found = 0;
  for (let at = bytes.indexOf(mark); at !== -1; found++) {
    // A time that was cut by the chunk is left out.
    if (delays.length < SAMPLE && at + TIME_LENGTH < bytes.length) {
      const text = bytes.subarray(at + 1, at + 1 + TIME_LENGTH);
      delays.push(time - Number.parseFloat(String.fromCharCode(...text)));
    }
    at = bytes.indexOf(mark, at + 1);
  }
  return found;
}

/** One connection, the events it has received, and what it waits for. */
class Listener {
  seen = 0;
  readonly #connection: Deno.TcpConn;
  readonly #buffer = new Uint8Array(65536);

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(): Promise<Listener> {
    return new Listener(
      await Deno.connect({ hostname: "127.0.0.1", port: Number(port) }),
    );
  }

  /** Sends the request, and waits for the first bytes. */
  async ask(): Promise<void> {
    await this.#connection.write(request);
    await this.read();
  }

  async read(): Promise<void> {
    const length = await this.#connection.read(this.#buffer);
    if (length === null) throw new Error(`The stream ended at ${this.seen}`);
    const found = count(this.#buffer.subarray(0, length));
    this.seen += found;
    seen += found;
    if (seen >= wanted) onSeen();
  }

  async readOn(): Promise<void> {
    for (;;) await this.read();
  }
}

function percentile(share: number): string {
  const sorted = delays.toSorted((a, b) => a - b);
  return (sorted[Math.floor(sorted.length * share)] ?? NaN).toFixed(3);
}

const listeners: Listener[] = [];
while (listeners.length < Number(connections)) {
  const some = Math.min(AT_ONCE, Number(connections) - listeners.length);
  listeners.push(
    ...await Promise.all(Array.from({ length: some }, Listener.connect)),
  );
}
const start = performance.now();
await Promise.all(listeners.map((listener) => listener.ask()));
console.log("ready");
if (phases.length === 0) setInterval(() => {}, 60_000);
else for (const listener of listeners) void listener.readOn();

let each = 0;
for (const phase of phases) {
  each += Number(phase);
  wanted = listeners.length * each;
  if (seen < wanted) await new Promise<void>((resolve) => onSeen = resolve);
  const wrong = listeners.find((listener) => listener.seen !== each);
  if (wrong) throw new Error(`${wrong.seen} events came instead of ${each}`);
  const time = (performance.now() - start).toFixed(3);
  console.log(`${time} ${percentile(0.5)} ${percentile(0.99)}`);
  delays = [];
}
