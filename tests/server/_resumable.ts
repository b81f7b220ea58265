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

/** A log as one process sees it, with ways to make it fail. */
export class FaultyLog implements EventLog {
  /** The log itself. */
  inner: EventLog;
  /** Whether the log is unreachable. */
  isAway = false;
  /** Replaces `append()`. */
  onAppend: (
    append: () => Promise<LogPosition>,
    entries: readonly LogInput[],
  ) => Promise<LogPosition> = (append) => append();
  /** Replaces `read()`. */
  onRead: (read: () => Promise<LogPage>) => Promise<LogPage> = (read) => read();
  /** Replaces `expire()`. */
  onExpire: (expire: () => Promise<void>) => Promise<void> = (expire) =>
    expire();
  /** The times passed to `expire()`. */
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

/** The error of an unreachable log. */
export const away: EventStreamError = new EventStreamError(
  "log-unavailable",
  "The log is away",
);

/** All entries that a log retains. */
export async function entriesOf(log: EventLog): Promise<readonly LogEntry[]> {
  return (await log.read(0, { entries: 100_000, bytes: 1e9 })).entries;
}

/** The retained entries as words: each one's kind, or an event's data. */
export async function wordsOf(log: EventLog): Promise<string> {
  const words = (await entriesOf(log)).map(({ kind, body }) =>
    kind === "event" ? eventsOf(body)[0]?.data ?? "nothing" : kind
  );
  return words.join(" ");
}

/** Reads a stream to its end, after an event. */
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

/** The events of a stream to its end, after an event. */
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

/** A gate that a producer waits at until the test opens it. */
export interface Door {
  readonly opened: Promise<void>;
  open(): void;
}

export function door(): Door {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => open = resolve);
  return { opened, open };
}
