/**
 * The peer of every cycle, in a separate process; it prints its URL. `/events` sends an event and hangs, `/ending` ends after
 * it, `/silent` does not answer, `/refused/…` answers with 403 and a body that is `short`, `endless` or `hanging`.
 * `POST /visit?url=…&count=N` requests the URL so often: every other one to the end if there is one within three events,
 * the others until the first event. Other paths are an empty page.
 */
import { announce } from "../../support/listen.ts";
import { inLanes } from "../../support/lanes.ts";

const LANES = 20;
const EVENT = new TextEncoder().encode("id: 1\ndata: event\n\n");
const LARGE = new Uint8Array(16_384).fill(46);

/** Responds with an event, after which the body ends, continues without end, or stays open. */
function answer(end: string, init: ResponseInit): Response {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(EVENT);
      if (end === "short") controller.close();
    },
    pull(controller) {
      if (end === "endless") controller.enqueue(LARGE);
    },
  });
  return new Response(body, init);
}

/** Reads events until there are enough, or no more. */
async function visit(url: string, events: number): Promise<void> {
  const leaving = new AbortController();
  const { body } = await fetch(url, { signal: leaving.signal });
  let text = "";
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split("data:").length > events) break;
  }
  leaving.abort();
}

const headers = { "access-control-allow-origin": "*" };
const refused = { status: 403, headers };
const opened = {
  headers: { ...headers, "content-type": "text/event-stream" },
};

async function handle(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname.startsWith("/refused/")) {
    return answer(pathname.slice(9), refused);
  }
  switch (pathname) {
    case "/silent":
      return await new Promise<Response>(() => {});
    case "/events":
      return answer("hanging", opened);
    case "/ending":
      return answer("short", opened);
    case "/visit": {
      const url = searchParams.get("url")!;
      const count = Number(searchParams.get("count"));
      await inLanes(count, LANES, (index) => visit(url, index % 2 * 2 + 1));
      return Response.json(count);
    }
    default:
      return new Response('<!doctype html><link rel="icon" href="data:,">', {
        headers: { "content-type": "text/html" },
      });
  }
}

await announce(handle);
