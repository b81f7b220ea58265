/** Compares Chromium's `EventSource` with this package's decoder on the same streams, in the same packets. */
import type { Page } from "npm:playwright-core@1.65.1";
import { decode } from "../../../src/decode.ts";
import { pause } from "../../../tools/pause.ts";
import { fuzzInput } from "../../codec/fuzz.ts";
import { join } from "../../codec/random.ts";
import { launchChromium } from "../../runners/chromium.ts";

/** `type`, `data` and `lastEventId`. */
type Row = [type: string, data: string, lastEventId: string];

/** The task of a page: a stream, and the types to listen for. */
interface Order {
  readonly path: string;
  readonly types: readonly string[];
}

/** The result of the comparison. */
export interface Comparison {
  /** Streams that both read. */
  streams: number;
  /** Streams that were skipped because of a bug in Chromium. */
  excluded: number;
  /** Events that both received. */
  events: number;
  /** The differences, by stream. */
  readonly differences: string[];
}

const BATCH = 60;

/** Compares on streams of a seed until both have read this many; reports the number of streams now and then. */
export async function compareWithChromium(
  seed: number,
  count: number,
  onProgress: (streams: number) => void = () => {},
): Promise<Comparison> {
  const result = { streams: 0, excluded: 0, events: 0, differences: [] };
  const listen = { hostname: "127.0.0.1", port: 0, onListen() {} };
  await using server = Deno.serve(listen, ({ url }) => serve(seed, url));
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    for (let next = 0; result.streams < count;) {
      const orders: Order[] = [];
      while (orders.length < Math.min(BATCH, count - result.streams)) {
        const stream = join(fuzzInput(seed, next).chunks);
        const path = String(next++);
        if (losesFirstLine(stream)) result.excluded++;
        else orders.push({ path, types: possibleTypes(stream) });
      }
      await compareBatch(page, url, orders, result);
      if (result.streams % (20 * BATCH) === 0) onProgress(result.streams);
    }
  } finally {
    await browser.close();
  }
  return result;
}

/** Responds with the stream of this number at `/N`, and with an empty page at `/`. */
function serve(seed: number, url: string): Response {
  const path = new URL(url).pathname.slice(1);
  if (path === "") {
    const page = '<!doctype html><link rel="icon" href="data:,">';
    return new Response(page, { headers: { "content-type": "text/html" } });
  }
  const { chunks } = fuzzInput(seed, Number(path));
  return new Response(ReadableStream.from(oneByOne(chunks)), {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
    },
  });
}

/** Sends each chunk in another turn of the event loop, and so as a separate packet. */
async function* oneByOne(
  chunks: readonly Uint8Array[],
): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await pause(0);
    if (chunk.length > 0) yield chunk;
  }
}

/**
 * Chromium (156) treats a line end directly after the byte order mark as part of the first line: its parser continues after the
 * byte that follows the mark, whatever that is. It then ignores the line's field, and an event is lost.
 */
function losesFirstLine(stream: Uint8Array): boolean {
  const isMarked = [0xEF, 0xBB, 0xBF].every((byte, at) => stream[at] === byte);
  return isMarked && (stream[3] === 10 || stream[3] === 13);
}

/** Every type that an event of a stream can have, however its lines are read; a page listens to no other. */
function possibleTypes(stream: Uint8Array): string[] {
  const types = new Set(["message", "error", "open"]);
  for (const line of new TextDecoder().decode(stream).split(/[\r\n]/)) {
    for (const { index } of line.matchAll(/event/g)) {
      for (const skip of [5, 6, 7]) types.add(line.slice(index + skip));
    }
  }
  return [...types];
}

async function compareBatch(
  page: Page,
  url: string,
  orders: readonly Order[],
  result: Comparison,
): Promise<void> {
  const [theirs, ours] = await Promise.all([
    page.evaluate<(Row[] | undefined)[]>(
      `(${readInPage})(${JSON.stringify(orders)})`,
    ),
    Promise.all(orders.map(({ path }) => read(url + path))),
  ]);
  for (const [index, { path }] of orders.entries()) {
    result.streams++;
    const [own, other] = [ours[index], theirs[index]].map((rows) =>
      JSON.stringify(rows)
    );
    if (own !== other) {
      result.differences.push(`Stream ${path}: ${own}, in Chromium ${other}`);
    } else result.events += ours[index]!.length;
  }
}

/**
 * What Chromium's EventSource dispatches; `undefined` where it did not open. Chromium opens six connections at a time to one
 * host. Self-contained, because it runs in the page.
 */
function readInPage(
  orders: readonly Order[],
): Promise<(Row[] | undefined)[]> {
  const read = ({ path, types }: Order): Promise<Row[] | undefined> =>
    new Promise((resolve) => {
      let rows: Row[] | undefined;
      const source = new EventSource(path);
      const take = (event: Event): void => {
        if (event instanceof MessageEvent) {
          rows!.push([event.type, event.data, event.lastEventId]);
        } else if (event.type === "open") rows = [];
        else {
          source.close();
          resolve(rows);
        }
      };
      for (const type of types) source.addEventListener(type, take);
    });
  return Promise.all(orders.map(read));
}

/** The events that the decoder reads from the same stream of the same server. */
async function read(url: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { event, data, id } of decode(await fetch(url))) {
    rows.push([event, data, id]);
  }
  return rows;
}
