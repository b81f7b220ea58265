import { EventParser } from "../../src/decode.ts";
import { MARK, now } from "../_mark.ts";
import { pause } from "../../tools/pause.ts";

const delta = JSON.stringify({
  id: "chatcmpl-9xyz",
  object: "chat.completion.chunk",
  created: 1700000000,
  model: "a-model",
  choices: [{ index: 0, delta: { content: " hello" }, finish_reason: null }],
});
const encoder = new TextEncoder();
const IN_CHUNK = 80;

/** What the origin sends for each event if it does not send the time. */
export const FRAME_SIZE: number = frame(delta).length;

function frame(data: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`data: ${data}\n\n`);
}

/** What to request from the origin: `/chunks`, `/events` or `/paced`, and the number of events. */
function bodyFor(path: string, events: number): ReadableStream<Uint8Array> {
  let left = events;
  const one = frame(delta);
  const many = frame(Array(IN_CHUNK).fill(delta).join("\n\ndata: "));
  return new ReadableStream({
    async pull(controller) {
      if (left <= 0) return controller.close();
      const count = path === "/chunks" ? Math.min(IN_CHUNK, left) : 1;
      left -= count;
      if (path === "/paced") {
        await pause(5);
        controller.enqueue(frame(`${MARK}${now().toFixed(3)} ${delta}`));
      } else if (count === 1) controller.enqueue(one);
      else controller.enqueue(many.subarray(0, count * one.length));
    },
  }, { highWaterMark: 0 });
}

/** Serves events on a port of the loopback interface. */
export function serveOrigin(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const body = bodyFor(pathname, Number(searchParams.get("events")));
    return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, {
      headers: { "content-type": "text/event-stream" },
    });
  });
}

/** Reads a response to its end; returns how many milliseconds it took. */
export async function readAll(
  url: string,
  onChunk: (bytes: Uint8Array) => void = () => {},
): Promise<number> {
  const { hostname, port, pathname, search } = new URL(url);
  const start = performance.now();
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${pathname}${search} HTTP/1.1\r\n` +
    "host: localhost\r\nconnection: close\r\n\r\n";
  await connection.write(encoder.encode(request));
  const buffer = new Uint8Array(65536);
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) return performance.now() - start;
    onChunk(buffer.subarray(0, length));
  }
}

/** Returns the delays of events that arrive one by one, in milliseconds. */
export async function delaysOf(url: string): Promise<number[]> {
  const delays: number[] = [];
  const mark = MARK.charCodeAt(0);
  await readAll(url, (bytes) => {
    const time = now();
    for (let at = bytes.indexOf(mark); at !== -1;) {
      const text = String.fromCharCode(...bytes.subarray(at + 1, at + 18));
      delays.push(time - Number.parseFloat(text));
      at = bytes.indexOf(mark, at + 1);
    }
  });
  return delays;
}

/** Throws unless a proxy sends all of the origin's events, as `type`. */
export async function checkProxy(
  url: string,
  events: number,
  type: string,
): Promise<void> {
  const response = await fetch(url);
  const seen = new EventParser().push(await response.bytes());
  const isRight = seen.length === events &&
    seen.every(({ event, data }) => event === type && data === delta);
  if (!isRight) throw new Error(`${url} gave ${seen.length} events`);
}
