/** Ends twelve streams of each kind with one signal, and prints how many ended and which listeners are left on the signal. */
import { getEventListeners } from "node:events";
import { connect, EventSource } from "../../../src/client/mod.ts";
import { decode } from "../../../src/decode.ts";
import { respond } from "../../../src/server/mod.ts";
import { scriptedServer } from "../../../src/testing/mod.ts";

const url = "https://example.com/";
const aborter = new AbortController();
const { signal } = aborter;
const STREAMS = 12;

const { fetch } = scriptedServer((function* () {
  for (;;) yield { body: "id: 1\ndata: a\n\n", end: "hang" as const };
})());
const aborted = new Promise((resolve) =>
  signal.addEventListener("abort", resolve, { once: true })
);

let running = 0;
/** Aborts when every stream of every kind has begun. */
function started(): void {
  if (++running === 4 * STREAMS) aborter.abort(new Error("enough"));
}

/** Returns whether a loop ends with the signal's reason after its first event. */
async function endsWithReason(
  events: AsyncIterable<unknown>,
): Promise<boolean> {
  try {
    for await (const _ of events) started();
    return false;
  } catch (reason) {
    return reason === signal.reason;
  }
}

/** Opens a stream, and returns whether the signal has ended it. */
const kinds: (() => Promise<boolean>)[] = [
  () => endsWithReason(connect(url, { fetch, signal })),
  () => {
    const bytes = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(new TextEncoder().encode("data: a\n\n")),
    });
    return endsWithReason(decode(bytes, { signal }));
  },
  async () => {
    const source = new EventSource(url, { fetch, signal });
    source.onmessage = started;
    await aborted;
    return source.readyState === EventSource.CLOSED;
  },
  async () => {
    let end!: (hasEnded: true) => void;
    const hasEnded = new Promise<true>((resolve) => end = resolve);
    const { body } = respond(new Request(url), async function* (context) {
      yield { data: "a" };
      await new Promise((resolve) =>
        context.signal.addEventListener("abort", resolve)
      );
      end(true);
    }, { signal });
    const reader = body!.getReader();
    // The first chunk is a comment, which is there before the source is.
    for (let chunk = 0; chunk < 2; chunk++) await reader.read();
    started();
    while (!(await reader.read()).done);
    return await hasEnded;
  },
];

const counts = await Promise.all(kinds.map(async (open) => {
  const ends = await Promise.all(Array.from({ length: STREAMS }, open));
  return ends.filter((hasEnded) => hasEnded).length;
}));
const left = getEventListeners(signal, "abort").length;
console.log(`${counts.join(" ")}: ${left} listeners`);
