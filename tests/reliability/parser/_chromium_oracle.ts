/** Compares Chromium's `EventSource` with this package's decoder on the same streams, in the same packets. */
import type { Page } from "npm:playwright-core@1.65.1";
import { decode } from "../../../src/decode.ts";
import { fuzzInput } from "../../codec/fuzz.ts";
import { join } from "../../codec/mutate.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { StreamServer } from "./_stream_server.ts";

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

/** Compares on streams of a seed until both have read this many. */
export async function compareWithChromium(
  seed: number,
  count: number,
  onBatch: (comparison: Comparison) => void = () => {},
): Promise<Comparison> {
  const result = { streams: 0, excluded: 0, events: 0, differences: [] };
  await using server = new StreamServer(seed);
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(server.url);
    for (let next = 0; result.streams < count;) {
      const orders: Order[] = [];
      while (orders.length < Math.min(BATCH, count - result.streams)) {
        const stream = join(fuzzInput(seed, next).chunks);
        const path = String(next++);
        if (losesFirstLine(stream)) result.excluded++;
        else orders.push({ path, types: possibleTypes(stream) });
      }
      await compareBatch(page, server.url, orders, result);
      onBatch(result);
    }
  } finally {
    await browser.close();
  }
  return result;
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
    for (let at = line.indexOf("event"); at !== -1;) {
      const value = line.slice(at + 5);
      for (const skip of [0, 1, 2]) types.add(value.slice(skip));
      at = line.indexOf("event", at + 1);
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
    readAll(url, orders),
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

/** What Chromium's EventSource dispatches, six streams at a time; `undefined` where it did not open. Self-contained, because it runs in the page. */
async function readInPage(
  orders: readonly Order[],
): Promise<(Row[] | undefined)[]> {
  const results: (Row[] | undefined)[] = [];
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
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < orders.length) {
      const index = next++;
      results[index] = await read(orders[index]!);
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
  return results;
}

/** The events that the decoder reads from the same streams of the same server. */
async function readAll(
  url: string,
  orders: readonly Order[],
): Promise<Row[][]> {
  const results: Row[][] = [];
  for (const { path } of orders) {
    const rows: Row[] = [];
    for await (const { event, data, id } of decode(await fetch(url + path))) {
      rows.push([event, data, id]);
    }
    results.push(rows);
  }
  return results;
}
