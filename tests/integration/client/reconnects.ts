/** Reconnects COUNT times with each API, `reconnects.ts URL COUNT`, and prints five times what is still allocated. */
import { connect, EventSource } from "../../../src/client/mod.ts";

declare function gc(): void;

const url = Deno.args[0]!;
const count = Number(Deno.args[1]);
const { signal } = new AbortController();
const retry = { delay: 0, minDelay: 0 };
const held = { timers: 0, listeners: 0 };

countTimers();
countListeners();
for (
  const [name, run] of Object.entries({
    "EventSource": readSource,
    "connect()": readConnection,
  })
) {
  console.log(JSON.stringify({ name, figures: await run() }));
}

function countTimers(): void {
  const { setTimeout, clearTimeout } = globalThis;
  const pending = new Set<unknown>();
  const count = () => held.timers = pending.size;
  Object.assign(globalThis, {
    setTimeout(run: () => void, delay: number) {
      const id = setTimeout(() => {
        pending.delete(id);
        count();
        run();
      }, delay);
      pending.add(id);
      count();
      return id;
    },
    clearTimeout(id: number | undefined) {
      pending.delete(id);
      count();
      clearTimeout(id);
    },
  });
}

function countListeners(): void {
  const { addEventListener, removeEventListener } = signal;
  const listeners = new Set<unknown>();
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      listeners.add(args[1]);
      held.listeners = listeners.size;
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listeners.delete(args[1]);
      held.listeners = listeners.size;
      removeEventListener.apply(signal, args);
    },
  });
}

function figures(connections: number): object {
  gc();
  const { heapUsed, rss } = Deno.memoryUsage();
  return { connections, heapUsed, rss, ...held };
}

function readSource(): Promise<object[]> {
  return new Promise((resolve) => {
    const all: object[] = [];
    const source = new EventSource(url, { retry, signal, idleTimeout: 60_000 });
    source.onmessage = ({ lastEventId }) => {
      const id = Number(lastEventId);
      if (id % (count / 5) === 0) all.push(figures(id));
      if (id < count) return;
      source.close();
      resolve(all);
    };
  });
}

async function readConnection(): Promise<object[]> {
  const all: object[] = [];
  for await (
    const event of connect(url, { retry, signal, idleTimeout: 60_000 })
  ) {
    const id = Number(event.id);
    if (id % (count / 5) === 0) all.push(figures(id));
    if (id === count) break;
  }
  return all;
}
