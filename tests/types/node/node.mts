/** Node without the DOM library. */
import { connect, decode, EventSource, respond } from "@rivulet/sse";

const url = "https://example.com/";
const source = new EventSource(url);
source.onmessage = (event: MessageEvent) => void event.lastEventId;
const target: EventTarget = source;
connect(url, { headers: new Headers(), body: Buffer.from("{}") });
const response: Response = respond(new Request(url), decode(await fetch(url)));
// @ts-expect-error: data is text
source.addEventListener("tick", (event) => void event.data.price);
// @ts-expect-error: a response is not text
const wrong: string = response;
void [target, wrong];
