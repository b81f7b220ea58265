/** Prints how many MiB `respond()` holds of an unfinished block that arrives in chunks of one byte. */
import { respond } from "../../src/server/mod.ts";

declare const gc: () => void; // provided by --expose-gc

const CHUNKS = 300_000;

let sent = 0;
const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
  pull(controller) {
    if (sent++ < CHUNKS) return controller.enqueue(Uint8Array.of(0x61));
    report();
    controller.close();
  },
}, { highWaterMark: 0 });
const headers = { "content-type": "text/event-stream" };
const upstream = new Response(body, { headers });
const request = new Request("https://example.com/");

function held(): number {
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return (heapUsed + external) / 1024 ** 2;
}

const before = held();

function report(): void {
  console.log(JSON.stringify({ held: held() - before }));
}

const options = { onBreak: () => undefined };
const { length } = await respond(request, upstream, options).text();
if (length !== CHUNKS + 3) throw new Error(`received ${length} characters`);
