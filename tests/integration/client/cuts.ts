/**
 * Follows every URL of a list, in the form `[api, url, idleTimeout]`, to its event `last`, and prints what each gave, as
 * JSON: `cuts.ts LIST`.
 */
import process from "node:process";
import { connect, EventSource } from "../../../src/client/mod.ts";
import { inLanes } from "../../support/lanes.ts";

/** The API that follows a URL. */
export type Api = "connect()" | "EventSource";

/** Events by their data and their IDs. */
export type Seen = [data: string, id: string][];

/** What to follow; an idle timeout only where nothing else shows that the connection has ended. */
export type Job = [api: Api, url: string, idleTimeout: number | null];

const retry = { delay: 0, minDelay: 0, maxDelay: 100, maxAttempts: 100 };

async function read(url: string, idleTimeout?: number): Promise<Seen> {
  const seen: Seen = [];
  for await (const { data, id } of connect(url, { retry, idleTimeout })) {
    seen.push([data, id]);
    if (data === "last") break;
  }
  return seen;
}

function listen(url: string, idleTimeout?: number): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const seen: Seen = [];
    const source = new EventSource(url, { retry, idleTimeout });
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

const list: Job[] = JSON.parse(process.argv[2]!);
const results: Seen[] = [];
await inLanes(list.length, 80, async (i) => {
  const [api, url, idleTimeout] = list[i]!;
  const follow = api === "EventSource" ? listen : read;
  results[i] = await follow(url, idleTimeout ?? undefined);
});
// Connections that are kept for another request would keep the process.
process.stdout.write(JSON.stringify(results), () => process.exit());
