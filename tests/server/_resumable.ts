import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import type {
  AppendOptions,
  EventLog,
  LogEntry,
  LogInput,
  LogLimit,
  LogPage,
  LogPosition,
} from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import type { Resumable } from "../../src/server/resumable.ts";
import { eventsOf, requestOf } from "./_client.ts";

/** A log as one process sees it, and how to get in its way. */
export class FaultyLog implements EventLog {
  /** The log itself. */
  inner: EventLog;
  /** Whether it cannot be reached. */
  isAway = false;
  /** Called instead of an append. */
  onAppend: (
    append: () => Promise<LogPosition>,
    entries: readonly LogInput[],
  ) => Promise<LogPosition> = (append) => append();
  /** Called instead of a read. */
  onRead: (read: () => Promise<LogPage>) => Promise<LogPage> = (read) => read();
  /** Called instead of an expiry. */
  onExpire: (expire: () => Promise<void>) => Promise<void> = (expire) =>
    expire();
  /** What it was told to expire after. */
  readonly ttls: number[] = [];

  constructor(inner: EventLog = new MemoryLog()) {
    this.inner = inner;
  }

  append(
    entries: readonly LogInput[],
    options?: AppendOptions,
  ): Promise<LogPosition> {
    if (this.isAway) return Promise.reject(away);
    return this.onAppend(() => this.inner.append(entries, options), entries);
  }

  read(after: number, limit: LogLimit): Promise<LogPage> {
    if (this.isAway) return Promise.reject(away);
    return this.onRead(() => this.inner.read(after, limit));
  }

  watch(wake: () => void, signal: AbortSignal): void {
    this.inner.watch(wake, signal);
  }

  expire(ttl: number): Promise<void> {
    this.ttls.push(ttl);
    return this.onExpire(() => this.inner.expire(ttl));
  }
}

/** What a log rejects with that cannot be reached. */
export const away: EventStreamError = new EventStreamError(
  "log-unavailable",
  "The log is away",
);

/** All that a log keeps. */
export async function entriesOf(log: EventLog): Promise<readonly LogEntry[]> {
  return (await log.read(0, { entries: 100_000, bytes: 1e9 })).entries;
}

/** What a log keeps, an entry a word: its kind, or an event's data. */
export async function wordsOf(log: EventLog): Promise<string> {
  const words = (await entriesOf(log)).map(({ kind, body }) =>
    kind === "event" ? eventsOf(body)[0]?.data ?? "nothing" : kind
  );
  return words.join(" ");
}

/** Reads a stream to its end, from behind an event on. */
export async function readText(
  answer: Resumable,
  lastEventId?: string,
): Promise<string> {
  const response = await answer.respond(
    requestOf(
      lastEventId === undefined ? {} : { "last-event-id": lastEventId },
    ),
  );
  return await response.text();
}

/** The events of a stream to its end, from behind an event on. */
export async function readEvents(
  answer: Resumable,
  lastEventId?: string,
): Promise<ServerSentEvent[]> {
  return eventsOf(await readText(answer, lastEventId));
}

/** The data of the events of a stream to its end. */
export async function readDatas(answer: Resumable): Promise<string[]> {
  return (await readEvents(answer)).map(({ data }) => data);
}

/** A door that a producer waits at until the test opens it. */
export interface Door {
  readonly opened: Promise<void>;
  open(): void;
}

export function door(): Door {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => open = resolve);
  return { opened, open };
}
