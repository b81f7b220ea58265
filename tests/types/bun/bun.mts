/** Bun's types. */
import { connect, decode, EventSource, respond } from "@rivulet/sse";

const url = "https://example.com/";
const source = new EventSource(url);
source.onmessage = (event: MessageEvent<string>) => void event.data.length;
// @ts-expect-error: data is text
source.addEventListener("tick", (event) => void event.data.price);
connect(url, { fetch: Bun.fetch, body: Buffer.from("{}") });
Bun.serve({
  idleTimeout: 255,
  fetch: async (request) => respond(request, decode(await fetch(url))),
});
Bun.serve({
  // @ts-expect-error: a request is not text
  fetch: (request) => respond(request.url, []),
});
