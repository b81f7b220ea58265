/** A web worker: what a page has, without its storage and its document. */
import { connect, EventSource } from "@rivulet/sse";

const url = "/news";
const source = new EventSource(url);
const standard: globalThis.EventSource = source;
source.onmessage = (event: MessageEvent<string>) => postMessage(event.data);
// @ts-expect-error: without a contract data is text
source.onmessage = (event: MessageEvent<number>) => postMessage(event.data);
const headers: HeadersInit = new Headers();
connect(url, { headers });
standard.close();
