/**
 * A process that serves resumable streams: `process.ts LIBRARY PLACE`. GET of `/NAME` follows the stream
 * of that name, DELETE aborts it; the query of the first request configures it. `/` returns a record of what happened. The
 * first line of standard output is the address.
 */
import { type Resumable, resumable } from "../../../src/server/mod.ts";
import { libraries } from "../logs/libraries.ts";
import { ask, type Order, produce } from "./produce.ts";

/** What becomes of the streams that it produces. */
export interface Notice {
  what: "started" | "stopped" | "error" | "settled";
  name: string;
}

const [library, place] = Deno.args as [string, string];
const { log: openLog } = (await libraries[library]!(place, ""))();
const streams = new Map<string, Resumable>();
const notices: Notice[] = [];

function say(what: Notice["what"], name: string): void {
  notices.push({ what, name });
}

function open(name: string, order: Order): Resumable {
  const { model, lease, ttl, failureEvent, abortEvent } = order;
  return resumable(openLog(name), (signal) => {
    say("started", name);
    signal.addEventListener("abort", () => say("stopped", name));
    return model === undefined ? produce(order) : ask(model, signal);
  }, {
    lease,
    ttl,
    failureEvent,
    abortEvent,
    retry: 1,
    waitUntil: (promise) => void promise.then(() => say("settled", name)),
    onError: () => say("error", name),
  });
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, async (request) => {
  const { pathname, searchParams } = new URL(request.url);
  const name = pathname.slice(1);
  if (name === "") return Response.json(notices);
  let stream = streams.get(name);
  if (stream === undefined) {
    stream = open(name, JSON.parse(searchParams.get("order") ?? "{}"));
    streams.set(name, stream);
  }
  if (request.method !== "DELETE") return await stream.respond(request);
  await stream.abort("by another process");
  return new Response(null, { status: 204 });
});
