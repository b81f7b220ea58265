import type { EventSourceErrorEvent } from "../../src/client/mod.ts";

type Source = EventTarget & { readonly readyState: number };

/** The events of a source: an entry for each, with the `readyState` when it was dispatched. */
export interface Record {
  readonly log: string[];
  /** Resolves when there are this many entries. */
  length(count: number): Promise<void>;
  /** Resolves when the source has closed without a call of `close()`. */
  closed(): Promise<EventSourceErrorEvent>;
}

/** Listens to `open`, `error`, `message` and the other types given. */
export function record(source: Source, ...types: string[]): Record {
  const log: string[] = [];
  const waiting = new Set<() => void>();
  let last: EventSourceErrorEvent | undefined;
  const add = (event: Event): void => {
    log.push(entry(source, event));
    if (!(event instanceof MessageEvent) && event.type === "error") {
      last = event as EventSourceErrorEvent;
    }
    for (const check of waiting) check();
  };
  for (const type of ["open", "error", "message", ...types]) {
    source.addEventListener(type, add);
  }
  const until = (isDone: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!isDone()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return {
    log,
    length: (count) => until(() => log.length >= count),
    async closed() {
      await until(() => last !== undefined && source.readyState === 2);
      return last!;
    },
  };
}

function entry(source: Source, event: Event): string {
  const { readyState } = source;
  if (!(event instanceof MessageEvent)) return `${event.type} ${readyState}`;
  const type = event.type === "message" ? "" : `${event.type} `;
  const id = event.lastEventId === "" ? "" : ` #${event.lastEventId}`;
  return `${type}${JSON.stringify(event.data)}${id}`;
}
