/**
 * The peer of every cycle, in a separate process; it prints its URL. `/events` sends an event and hangs, `/ending` ends after
 * it, `/silent` does not answer, `/refused/…` answers with 403 and a body that is `short`, `endless` or `hanging`.
 * `POST /visit?url=…&count=N` requests the URL so often: every other one to the end if there is one within three events,
 * the others until the first event. Other paths are an empty page.
 */
import { listen } from "../../support/listen.ts";
import { inLanes } from "../../support/lanes.ts";

const LANES = 20;
const headers = {
  "content-type": "text/event-stream",
  "access-control-allow-origin": "*",
};
const EVENT = new TextEncoder().encode("id: 1\ndata: event\n\n");

function answer(ends: boolean): Response {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(EVENT);
      if (ends) controller.close();
    },
  });
  return new Response(body, { headers });
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

const refusedHeaders = { "access-control-allow-origin": "*" };
const LARGE = new Uint8Array(16_384).fill(46);

/** A refusal, whose body the client must release even if it does not end. */
function refuse(kind: string): Response {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(EVENT);
      if (kind === "short") controller.close();
    },
    pull(controller) {
      if (kind === "endless") controller.enqueue(LARGE);
    },
  });
  return new Response(body, { status: 403, headers: refusedHeaders });
}

async function handle(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname.startsWith("/refused/")) return refuse(pathname.slice(9));
  switch (pathname) {
    case "/silent":
      return await new Promise<Response>(() => {});
    case "/events":
      return answer(false);
    case "/ending":
      return answer(true);
    case "/visit": {
      const url = searchParams.get("url")!;
      const count = Number(searchParams.get("count"));
      const work = (index: number) => visit(url, index % 2 === 0 ? 1 : 3);
      await inLanes(count, LANES, work);
      return Response.json(count);
    }
    default:
      return new Response('<!doctype html><link rel="icon" href="data:,">', {
        headers: { "content-type": "text/html" },
      });
  }
}

const { port } = await listen(handle);
console.log(`http://127.0.0.1:${port}`);
