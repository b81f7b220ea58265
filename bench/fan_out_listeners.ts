/**
 * The listeners of `bench/_fan_out.ts`, in a process of their own: bare connections that count the events they get.
 * Arguments: port, how many, how many events each. It prints `ready` when all listen and `done` when each has all.
 */
import { MARK } from "./_fan_out.ts";

const [port, connections, events] = Deno.args.map(Number) as [
  number,
  number,
  number,
];
const mark = MARK.charCodeAt(0);
const request = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n",
);

function count(bytes: Uint8Array): number {
  let found = 0;
  for (let at = bytes.indexOf(mark); at !== -1; found++) {
    at = bytes.indexOf(mark, at + 1);
  }
  return found;
}

/** Connects, waits for the first bytes, and gives the promise of the end. */
async function listen(): Promise<() => Promise<void>> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(request);
  const buffer = new Uint8Array(65536);
  await connection.read(buffer);
  return async () => {
    for (let seen = 0; seen < events;) {
      const length = await connection.read(buffer);
      if (length === null) throw new Error(`The stream ended after ${seen}`);
      seen += count(buffer.subarray(0, length));
      if (seen > events) throw new Error(`Received ${seen} events`);
    }
  };
}

const listeners: (() => Promise<void>)[] = [];
while (listeners.length < connections) {
  const some = Math.min(50, connections - listeners.length);
  listeners.push(...await Promise.all(Array.from({ length: some }, listen)));
}
console.log("ready");
await Promise.all(listeners.map((rest) => rest()));
console.log("done");
Deno.exit();
