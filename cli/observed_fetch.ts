import { EventParser } from "@rivulet/sse";

/** Hears of what a connection goes through that its events do not tell. */
export interface FetchObserver {
  /** An event stream has begun. */
  onOpen?(): void;
  /** A connection is over, or could not be made; `undefined` when the server has ended it. Not called when this side has. */
  onLost?(reason: unknown): void;
  /** Bytes have arrived. */
  onBytes?(count: number): void;
  /** A comment has arrived, after the events before it have been handed out and before those behind it. */
  onComment?(text: string): void;
  /** The reconnection time has changed; in the same order. */
  onRetry?(milliseconds: number): void;
}

/** Makes a `fetch` for `connect()` that tells the observer what happens to each response. */
export function observedFetch(
  observer: FetchObserver,
): (url: string, init: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const signal = init.signal!;
    const onLost = (reason?: unknown): void => {
      if (!signal.aborted) observer.onLost?.(reason);
    };
    const response = await fetch(url, init).catch((reason) => {
      onLost(reason);
      throw reason;
    });
    if (!isEventStream(response) || response.body === null) return response;
    observer.onOpen?.();
    const chunks = observe(response.body, observer, onLost);
    return new Response(ReadableStream.from(chunks), response);
  };
}

function isEventStream({ status, headers }: Response): boolean {
  const type = headers.get("content-type") ?? "";
  return status === 200 && /^text\/event-stream\b/i.test(type);
}

async function* observe(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  observer: FetchObserver,
  onLost: (reason?: unknown) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { onComment, onBytes } = observer;
  // Line by line, as a chunk is parsed whole before its first event is handed out.
  const isWhole = onComment === undefined;
  const listen = listener(observer);
  try {
    for await (const chunk of body) {
      onBytes?.(chunk.length);
      for (const part of isWhole ? [chunk] : lines(chunk)) {
        listen(part);
        yield part;
      }
    }
  } catch (reason) {
    onLost(reason);
    throw reason;
  }
  onLost();
}

/** Makes what hears the comments and reconnection times in the bytes. */
function listener(
  { onComment, onRetry }: FetchObserver,
): (part: Uint8Array) => void {
  if (onComment === undefined) return () => {};
  const parser = new EventParser({ onComment });
  return (part) => {
    const before = parser.reconnectionTime;
    parser.push(part);
    const after = parser.reconnectionTime;
    if (after !== undefined && after !== before) onRetry?.(after);
  };
}

function* lines(
  chunk: Uint8Array<ArrayBuffer>,
): Generator<Uint8Array<ArrayBuffer>> {
  let start = 0;
  for (let end = 1; end <= chunk.length; end++) {
    const isEnd = end === chunk.length || chunk[end - 1] === LF ||
      chunk[end - 1] === CR;
    if (!isEnd) continue;
    yield chunk.subarray(start, end);
    start = end;
  }
}

const LF = 0x0a;
const CR = 0x0d;
