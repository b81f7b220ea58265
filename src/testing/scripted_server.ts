import {
  checkInteger,
  checkOptions,
  describe,
  MAX_DELAY,
  type OptionTable,
} from "../internal/check.ts";
import { sleep } from "../internal/abort.ts";
import type { HeadersSource } from "../internal/web.ts";

/** One answer of a {@linkcode ScriptedServer}. */
export interface ScriptedResponse {
  /**
   * The status, an integer of 200 to 599.
   *
   * @default {200}
   */
  status?: number | undefined;
  /** The headers. A 200 without a content type gets `content-type: text/event-stream`. */
  headers?: HeadersSource | undefined;
  /** Milliseconds before the headers arrive; 0 if left out. */
  delay?: number | undefined;
  /**
   * The body: text and bytes, one chunk each, and numbers, each a pause in milliseconds. A chunk is sent when the
   * client reads, so that nothing depends on timing.
   *
   * @default {[]}
   */
  body?:
    | string
    | Uint8Array
    | readonly (string | Uint8Array | number)[]
    | undefined;
  /** Bytes of the body after which the connection breaks; at its end if the body is shorter. */
  dropAt?: number | undefined;
  /**
   * What happens at the end of the body: it ends (`"close"`), the connection breaks (`"drop"`), or it stays open
   * without a further byte until the client disconnects (`"hang"`).
   *
   * @default {"close"}
   */
  end?: "close" | "drop" | "hang" | undefined;
}

/**
 * One step of a script: an answer, an error with which `fetch` rejects (as if no server were there), or a function that
 * receives the request and returns one of them.
 */
export type ScriptedReply =
  | ScriptedResponse
  | Error
  | ((
    request: Request,
  ) => ScriptedResponse | Error | Promise<ScriptedResponse | Error>);

/** A server that consists of a `fetch` function; {@linkcode scriptedServer} creates it. */
export interface ScriptedServer {
  /** Pass it to a client in place of the global `fetch`. It behaves the same, including its signal. */
  readonly fetch: (
    input: string | URL | Request,
    init?: RequestInit,
  ) => Promise<Response>;
  /**
   * Every request so far, in order, with its body unread. A `last-event-id` beyond ASCII has one character for each
   * byte of its UTF-8, as in all `Headers`.
   */
  readonly requests: readonly Request[];
  /** The number of bodies still being sent; 0 once every client has read to the end or disconnected. */
  readonly connections: number;
}

/**
 * Creates a server for tests of code that reads event streams. It answers the first request with the first step of a
 * script, the second with the second, and so on. It opens no socket and is deterministic.
 *
 * After the script, every request gets 204, which tells clients to stop. Pass a generator for an endless script.
 *
 * @example A client that resumes where the connection broke
 * ```ts
 * import { connect } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const server = scriptedServer([
 *   { body: "id: 1\ndata: a\n\n", end: "drop" },
 *   { body: "id: 2\ndata: b\n\n" },
 * ]);
 * const received: string[] = [];
 * const retry = { delay: 0, minDelay: 0 };
 * for await (const event of connect("https://example.com/", { fetch: server.fetch, retry })) {
 *   received.push(event.data);
 * }
 * assertEquals(received, ["a", "b"]);
 * assertEquals(
 *   server.requests.map((request) => request.headers.get("last-event-id")),
 *   [null, "1", "2"],
 * );
 * ```
 *
 * @param script The answers, in order.
 * @returns The server.
 * @throws {TypeError} From `fetch`, if a step of the script has the wrong shape.
 * @throws {RangeError} From `fetch`, if a number in it is out of range.
 */
export function scriptedServer(
  script: Iterable<ScriptedReply>,
): ScriptedServer {
  const steps = script[Symbol.iterator]();
  const requests: Request[] = [];
  const bodies = new Set<unknown>();
  return {
    requests,
    get connections() {
      return bodies.size;
    },
    async fetch(input, init) {
      const signal = signalOf(input, init);
      signal.throwIfAborted();
      // A stored request must not depend on the signal of an attempt that has ended.
      const request = new Request(input, { ...init, signal: null });
      requests.push(request);
      const { value: step = { status: 204 } } = steps.next();
      const reply = typeof step === "function"
        ? await step(request.clone())
        : step;
      if (reply instanceof Error) throw reply;
      checkReply(reply);
      if (reply.delay !== undefined) await sleep(reply.delay, signal);
      signal.throwIfAborted();
      return respond(reply, request.url, (body) => send(body, signal, bodies));
    },
  };
}

/** The rest of a body, and how it ends. */
interface Rest {
  readonly steps: (Uint8Array | number)[];
  readonly end: "close" | "drop" | "hang";
  readonly sent: number;
}

function signalOf(
  input: string | URL | Request,
  init: RequestInit | undefined,
): AbortSignal {
  return init?.signal ??
    (input instanceof Request ? input.signal : new AbortController().signal);
}

function respond(
  reply: ScriptedResponse,
  url: string,
  send: (rest: Rest) => ReadableStream<Uint8Array>,
): Response {
  const { status = 200 } = reply;
  const headers = new Headers(reply.headers);
  if (status === 200 && !headers.has("content-type")) {
    headers.set("content-type", "text/event-stream");
  }
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  const body = hasBody ? send(restOf(reply)) : null;
  const response = new Response(body, { status, headers });
  return Object.defineProperty(response, "url", { value: url });
}

/** Cuts the body where the connection breaks. */
function restOf(
  { body = [], dropAt = Infinity, end = "close" }: ScriptedResponse,
): Rest {
  const encoder = new TextEncoder();
  const steps: (Uint8Array | number)[] = [];
  let sent = 0;
  for (const step of Array.isArray(body) ? body : [body]) {
    if (sent === dropAt) break;
    if (typeof step === "number") {
      steps.push(step);
      continue;
    }
    const chunk = typeof step === "string" ? encoder.encode(step) : step;
    const kept = chunk.subarray(0, dropAt - sent);
    // A network never delivers an empty chunk.
    if (kept.length > 0) steps.push(kept);
    sent += kept.length;
  }
  return { steps, end: dropAt === Infinity ? end : "drop", sent };
}

function send(
  { steps, end, sent }: Rest,
  signal: AbortSignal,
  bodies: Set<unknown>,
): ReadableStream<Uint8Array> {
  const left = new AbortController();
  const done = (): void => {
    bodies.delete(left);
    signal.removeEventListener("abort", onAbort);
    left.abort();
  };
  let onAbort!: () => void;
  bodies.add(left);
  return new ReadableStream<Uint8Array>({
    start(controller) {
      onAbort = () => {
        controller.error(signal.reason);
        done();
      };
      signal.addEventListener("abort", onAbort);
    },
    async pull(controller) {
      let step = steps.shift();
      for (; typeof step === "number"; step = steps.shift()) {
        await sleep(step, left.signal);
      }
      if (left.signal.aborted) return;
      if (step !== undefined) return controller.enqueue(step);
      if (end === "hang") return;
      if (end === "close") controller.close();
      else {
        controller.error(
          new TypeError(`network error: dropped after ${sent} bytes`),
        );
      }
      done();
    },
    cancel: done,
  }, { highWaterMark: 0 });
}

const REPLY: OptionTable<ScriptedResponse> = {
  status: [200, 599],
  headers: ["headers", (headers) => typeof headers === "object"],
  delay: [0, MAX_DELAY],
  body: [
    "text, bytes or an array",
    (body) =>
      typeof body === "string" || body instanceof Uint8Array ||
      Array.isArray(body),
  ],
  dropAt: [0],
  end: [
    '"close", "drop" or "hang"',
    (end) => ["close", "drop", "hang"].includes(end),
  ],
};

function checkReply(reply: ScriptedResponse): void {
  if (typeof reply !== "object" || reply === null) {
    throw new TypeError(
      `Cannot answer: a step must be a response, an error or a function: received ${
        describe(reply)
      }`,
    );
  }
  const { body } = reply;
  checkOptions("Cannot answer", reply, REPLY);
  for (const step of Array.isArray(body) ? body : []) {
    if (typeof step === "number") {
      checkInteger("Cannot answer: a pause in body", step, 0, MAX_DELAY);
    }
  }
}
