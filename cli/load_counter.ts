import { Histogram } from "./histogram.ts";
import { fetchThrough } from "./fetch_through.ts";
import type { ConnectionObserver } from "./follow.ts";

/** What all connections have received so far. */
export class LoadCounter {
  /** Complete events. */
  events = 0;
  /** Bytes of the bodies, uncompressed. */
  bytes = 0;
  /** Connections that are open now. */
  open = 0;
  /** Connections that were established at least once. */
  made = 0;
  /** Reconnections. */
  reconnects = 0;
  /** Why connections have failed for good. */
  readonly failures: string[] = [];
  /** Milliseconds from sending to arrival. */
  readonly latencies: Histogram = new Histogram();

  /** Makes requests whose bytes are counted. */
  readonly fetch: ReturnType<typeof fetchThrough> = fetchThrough((chunk) => {
    this.bytes += chunk.length;
    return [chunk];
  });

  /** Returns the observer of one connection. */
  observer(): ConnectionObserver & { onLost(): void } {
    let isOpen = false;
    let isMade = false;
    return {
      onOpen: () => {
        if (isMade) this.reconnects++;
        else this.made++;
        this.open++;
        isOpen = isMade = true;
      },
      onLost: () => {
        if (isOpen) this.open--;
        isOpen = false;
      },
    };
  }

  /** Counts an event, and how long it took since the time in its data. */
  add(data: string, path: readonly string[] | undefined): void {
    this.events++;
    if (path === undefined) return;
    const sent = timeIn(data, path);
    // A sender whose clock is ahead makes it negative.
    if (sent !== undefined) this.latencies.add(Math.max(0, Date.now() - sent));
  }
}

/** The time in a property of JSON, in milliseconds since 1970. */
function timeIn(data: string, path: readonly string[]): number | undefined {
  const value = path.reduce<unknown>(memberOf, parseJson(data));
  const time = typeof value === "string" ? Date.parse(value) : value;
  return typeof time === "number" && Number.isFinite(time) ? time : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
