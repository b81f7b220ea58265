import type { ServerSentEvent } from "../../src/event.ts";
import type { Resumable } from "../../src/server/resumable.ts";
import { eventsOf, requestAfter } from "./_client.ts";

/** Reads a stream to its end, after an event. */
export async function readText(
  answer: Resumable,
  lastEventId?: string,
): Promise<string> {
  return await (await answer.respond(requestAfter(lastEventId))).text();
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
