/** Reconnects COUNT times with each API, `reconnects.ts URL COUNT`, and prints five times what is still allocated. */
import { countHeld } from "../../reliability/leaks/held.ts";
import { getEventListeners } from "node:events";
import { connect, EventSource } from "../../../src/client/mod.ts";

declare function gc(): void;

const url = Deno.args[0]!;
const count = Number(Deno.args[1]);
const { signal } = new AbortController();
const options = {
  retry: { delay: 0, minDelay: 0 },
  signal,
  idleTimeout: 60_000,
};

/** Records what is allocated at every fifth of the connections. Returns whether this is the last. */
function record(figures: object[], id: string): boolean {
  const connections = Number(id);
  if (connections % (count / 5) !== 0) return false;
  gc();
  const { heapUsed, rss } = Deno.memoryUsage();
  const { timers } = countHeld();
  const listeners = getEventListeners(signal, "abort").length;
  figures.push({ connections, heapUsed, rss, timers, listeners });
  return connections === count;
}

const apis: Record<string, (figures: object[]) => Promise<void>> = {
  EventSource: (figures) =>
    new Promise((resolve) => {
      const source = new EventSource(url, options);
      source.onmessage = ({ lastEventId }) => {
        if (!record(figures, lastEventId)) return;
        source.close();
        resolve();
      };
    }),
  "connect()": async (figures) => {
    for await (const { id } of connect(url, options)) {
      if (record(figures, id)) break;
    }
  },
};

for (const [name, run] of Object.entries(apis)) {
  const figures: object[] = [];
  await run(figures);
  console.log(JSON.stringify({ name, figures }));
}
