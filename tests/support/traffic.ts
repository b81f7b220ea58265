import type { EventLog, LogEntry } from "../../src/log/log.ts";
import { pause } from "../../tools/pause.ts";

/** What became of the events that somebody published. */
export interface Published {
  /** Those whose append resolved, by the number that it gave. */
  acknowledged: Record<number, string>;
  /** Those whose append rejected. */
  refused: string[];
}

/** Publishes events one after the other, each with a body of its own, for as long as there is to be one more. */
export async function publish(
  log: EventLog,
  name: string,
  more: (count: number) => boolean,
): Promise<Published> {
  const published: Published = { acknowledged: {}, refused: [] };
  for (let count = 0; more(count); count++) {
    const body = `data: ${name}.${count}\n\n`;
    try {
      const { seq } = await log.append([{ kind: "event", body }]);
      published.acknowledged[seq] = body;
    } catch {
      published.refused.push(body);
      await pause(50);
    }
  }
  return published;
}

/** Follows a log from its beginning to the entry that ends it, by its wakes alone, and gives the bodies. */
export async function follow(log: EventLog): Promise<string[]> {
  const bodies: string[] = [];
  const end = new AbortController();
  let wake = () => {};
  let woken = new Promise<void>((resolve) => wake = resolve);
  log.watch(() => wake(), end.signal);
  for (;;) {
    const page = await read(log, bodies.length);
    for (const { seq, kind, body } of page) {
      if (seq !== bodies.length + 1) {
        throw new Error(`Entry ${seq} came after entry ${bodies.length}`);
      }
      if (kind === "end") {
        end.abort();
        return bodies;
      }
      bodies.push(body);
    }
    if (page.length > 0) continue;
    await woken;
    woken = new Promise<void>((resolve) => wake = resolve);
  }
}

/** Reads, again and again while the engine is away. */
async function read(
  log: EventLog,
  after: number,
): Promise<readonly LogEntry[]> {
  for (;;) {
    try {
      return (await log.read(after, { entries: 1000, bytes: 1_000_000 }))
        .entries;
    } catch {
      await pause(50);
    }
  }
}
