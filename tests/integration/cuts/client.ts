/**
 * Follows every URL of a list, in the form `[face, url]`, to its event `last`, and prints what each gave, as JSON:
 * `client.ts LIST`.
 */
import { connect, EventSource } from "../../../src/client.ts";

/** What a URL is followed with. */
export type Face = "connect()" | "EventSource";

/** Events by their data and their IDs. */
export type Seen = [data: string, id: string][];

declare const process: {
  argv: string[];
  stdout: { write(text: string, done: () => void): void };
  exit(): never;
};

const options = {
  idleTimeout: 2000,
  retry: { delay: 0, minDelay: 0, maxDelay: 100, maxAttempts: 100 },
};

async function read(url: string): Promise<Seen> {
  const seen: Seen = [];
  for await (const { data, id } of connect(url, options)) {
    seen.push([data, id]);
    if (data === "last") break;
  }
  return seen;
}

function listen(url: string): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const seen: Seen = [];
    const source = new EventSource(url, options);
    source.onmessage = ({ data, lastEventId }) => {
      seen.push([data, lastEventId]);
      if (data !== "last") return;
      source.close();
      resolve(seen);
    };
    source.onerror = (event) => {
      if (source.readyState === EventSource.CLOSED) reject(event);
    };
  });
}

const list: [Face, string][] = JSON.parse(process.argv[2]!);
const results: Seen[] = [];
let next = 0;
await Promise.all(Array.from({ length: 80 }, async () => {
  while (next < list.length) {
    const i = next++;
    const [face, url] = list[i]!;
    results[i] = await (face === "EventSource" ? listen(url) : read(url));
  }
}));
// Connections that are kept for another request would keep the process.
process.stdout.write(JSON.stringify(results), () => process.exit());
