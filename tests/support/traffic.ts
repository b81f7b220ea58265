import type { EventLog, LogEntry } from "../../src/log/log.ts";
import { pause } from "../../tools/pause.ts";

/** The outcome of the events of one publisher. */
export interface Published {
  /** The events whose append resolved, by sequence number. */
  acknowledged: Record<number, string>;
  /** The events whose append rejected. */
  refused: string[];
}

/** Publishes events with unique bodies one after the other, as long as `more` returns `true`. */
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

/** Reads a log from the start to its end, using only notifications. Returns the bodies. */
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

/** Reads, with retries while the engine cannot be reached. */
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
