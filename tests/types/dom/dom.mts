/** A page: the browser's own class, its events and its storage. */
import {
  connect,
  decode,
  EventSource,
  respond,
  storageCursor,
} from "@rivulet/sse";

const url = "/news";

// The package's class stands where the browser's is asked for, and its events where the browser's are.
const standard: globalThis.EventSource = new EventSource(url);
standard.close();

const source = new EventSource(url, {
  cursor: storageCursor(sessionStorage, "news"),
});
source.onmessage = (event: MessageEvent) => void event.lastEventId;
source.onmessage = (event: MessageEvent<string>) => void event.data.length;
source.addEventListener("tick", (event: MessageEvent<string>) => {
  void event.ports;
});
source.addEventListener("error", (event: Event) => void event.type);
const listener: EventListener = (event) => void event.type;
source.addEventListener("other", listener);
source.removeEventListener("other", listener);
const options: AddEventListenerOptions = { passive: true };
source.addEventListener("other", listener, options);
// @ts-expect-error: without a contract data is text
source.onmessage = (event: MessageEvent<number>) => void event.data;
// @ts-expect-error: a store has more members
storageCursor({ getItem: () => null }, "news");

const init: HeadersInit = [["a", "b"]];
connect(url, { headers: init, body: new FormData(), method: "POST" });
// @ts-expect-error: a stream can be sent only once
connect(url, { method: "POST", body: new ReadableStream() });

const response: Response = await fetch(url);
const events: ReadableStream = decode(response);
void [events, respond(new Request(url), decode(response), { headers: init })];
