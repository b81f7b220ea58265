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

function* hanging() {
  for (;;) yield { body: "id: 1\ndata: a\n\n", end: "hang" as const };
}

/** Counts the loops that end with the signal's reason after their first event. */
async function endedBySignal(
  open: () => AsyncIterable<unknown>,
): Promise<number> {
  const loops = Array.from({ length: STREAMS }, async () => {
    try {
      for await (const _ of open()) started();
      return 0;
    } catch (reason) {
      return Number(reason === signal.reason);
    }
  });
  return (await Promise.all(loops)).reduce((sum, one) => sum + one);
}

let running = 0;
/** Aborts when every stream of every kind has begun. */
function started(): void {
  if (++running === 4 * STREAMS) aborter.abort(new Error("enough"));
}

const { fetch } = scriptedServer(hanging());

async function endedSources(): Promise<number> {
  const sources = Array.from(
    { length: STREAMS },
    () => new EventSource(url, { fetch, signal }),
  );
  for (const source of sources) source.onmessage = started;
  await new Promise((resolve) =>
    signal.addEventListener("abort", resolve, { once: true })
  );
  return sources.filter(({ readyState }) => readyState === EventSource.CLOSED)
    .length;
}

async function endedResponses(): Promise<number> {
  let ended = 0;
  const responses = Array.from(
    { length: STREAMS },
    () =>
      respond(new Request(url), async function* (context) {
        yield { data: "a" };
        await new Promise((resolve) =>
          context.signal.addEventListener("abort", resolve)
        );
        ended++;
      }, { signal }),
  );
  await Promise.all(responses.map(async ({ body }) => {
    const reader = body!.getReader();
    // The first chunk is a comment, which is there before the source is.
    for (let chunk = 0; chunk < 2; chunk++) await reader.read();
    started();
    while (!(await reader.read()).done);
  }));
  return ended;
}

const counts = await Promise.all([
  endedBySignal(() => connect(url, { fetch, signal })),
  endedBySignal(() => {
    const body = "data: a\n\n";
    const bytes = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(body)),
    });
    return decode(bytes, { signal });
  }),
  endedSources(),
  endedResponses(),
]);
const left = getEventListeners(signal, "abort").length;
console.log(`${counts.join(" ")}: ${left} listeners`);
