import type { ServerSentEvent } from "../event.ts";
import { describeUrl, type OptionTable } from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import { Connection, type ConnectionRetry } from "./connection.ts";
import {
  checkConnection,
  CONNECTION_OPTIONS,
  type ConnectionOptions,
} from "./options.ts";
import { isFutile, openStream, parseUrl } from "./request.ts";
import { retryPolicy } from "./retry.ts";

/**
 * Options of {@linkcode connect}.
 *
 * @typeParam Received What comes out: events with text, unless a contract types them.
 */
export interface ConnectOptions<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends ConnectionOptions<Received> {
  /**
   * The event that ends the stream. A string is the exact `data` of an end marker, which is not handed out; for a
   * function, the event for which it returns `true` is the last one handed out. It receives events as they arrived,
   * before a contract parses them. A stream that ends or breaks earlier and cannot be resumed fails with code
   * `truncated`. The function is not awaited: one that returns a promise fails the stream.
   */
  until?: string | ((event: ServerSentEvent) => boolean) | undefined;
  /**
   * Whether a stream that the server has ended is requested again, if the request may be repeated. If not, its end
   * is the end of the iteration, or `truncated` where `until` waits for an event.
   *
   * @default {undefined} requested again if it has given an event ID, from which it resumes
   */
  reconnectOnEnd?: boolean | undefined;
  /** Called with each accepted response, for its headers; its body is the event stream and locked. Not awaited. */
  onOpen?: ((response: Response) => void) | undefined;
  /** Called before the wait for another attempt, with the reason. Not awaited. */
  onRetry?: ((retry: ConnectionRetry) => void) | undefined;
}

/**
 * The events of a server, over one connection after another. {@linkcode connect} returns it.
 *
 * @typeParam Received What comes out.
 */
export interface EventConnection<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends AsyncIterable<Received>, AsyncDisposable {
  /** The last event ID as of the events handed out: where to resume. `""` when there is none. */
  readonly lastEventId: string;
  /** How many milliseconds to wait before a reconnection: the server's last `retry`, at most 2^31-1. */
  readonly reconnectionTime: number;
  /** 0 while it connects or waits to, 1 while a stream is open, 2 once it is over. */
  readonly readyState: 0 | 1 | 2;
  /** Closes the connection at once, which ends the iteration; resolves when the cursor store has saved. */
  close(): Promise<void>;
}

const CONNECT_OPTIONS: OptionTable<ConnectOptions> = /* @__PURE__ */ Object
  .assign(
    {
      until: ["a string or a function", isUntil],
      reconnectOnEnd: "boolean",
      onOpen: "function",
      onRetry: "function",
    } as const,
    CONNECTION_OPTIONS,
  );

/**
 * Connects to an event stream and hands out its events, for code that awaits. The request is made when the
 * first event is asked for, and nothing is read ahead beyond one chunk. Leaving the loop, in whatever way,
 * closes the connection.
 *
 * A lost connection is requested again and resumes from the last event ID. So is a stream that the server has ended,
 * if it has given an ID; without one there is nothing to resume, and the iteration ends. The statuses 408, 425, 429
 * and 5xx are tried again, and the tenth failed attempt in a row is the last: see {@linkcode RetryOptions}. A 204 is
 * the end of the stream. A request with another method than GET or HEAD is sent once, unless `idempotent` is `true`.
 *
 * @example
 * ```ts
 * import { connect } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { fetch } = scriptedServer([{ body: "id: 1\ndata: hello\n\n" }]);
 * for await (const event of connect("https://example.com/news", { fetch })) {
 *   assertEquals(event, { event: "message", data: "hello", id: "1" });
 *   break;
 * }
 * ```
 *
 * @example The answer of a language model, whole or not at all
 * ```ts
 * import { connect } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { fetch } = scriptedServer([{ body: 'data: {"delta":"Hi"}\n\ndata: [DONE]\n\n' }]);
 * const deltas = connect("https://api.example.com/chat", {
 *   method: "POST",
 *   headers: { authorization: "Bearer secret", "content-type": "application/json" },
 *   body: JSON.stringify({ prompt: "Say hi", stream: true }),
 *   until: "[DONE]",
 *   fetch,
 * });
 * let answer = "";
 * for await (const { data } of deltas) answer += JSON.parse(data).delta;
 * assertEquals(answer, "Hi");
 * ```
 *
 * @param url The URL; in a page or worker it may be relative. If it cannot be parsed, the iteration rejects with a
 * `TypeError`. If it has a user name or a password, it rejects with `connection-failed`: send an `authorization` header.
 * @param options What to send, when to try again and when to stop.
 * @returns The events. The iteration rejects with an {@linkcode EventStreamError}: `not-an-event-stream`, with the
 * refused response; `connection-failed`, with the number of attempts, the last cause and the refused response if there
 * was one; `truncated`; `event-too-large`; `invalid-event`. It rejects with the signal's reason when that aborts, and
 * with the error of `until`, `onComment` or the cursor store when one of those fails.
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function connect<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
>(
  url: string | URL,
  options: ConnectOptions<Received> = {},
): EventConnection<NoInfer<Received>> {
  checkConnection(options, CONNECT_OPTIONS);
  const target = parseUrl(url);
  const connection = new Connection<Received>({
    url,
    options,
    policy: retryPolicy(options.retry, false, isFutile(target, options)),
    isStandard: false,
    open: (attempt) =>
      openStream({ url: target!, options, statuses: "2xx" }, attempt),
    onOpen: ({ response }) => notify(options.onOpen, response!),
    onRetry: (retry) => notify(options.onRetry, retry),
  });
  const events = iterate(connection, target === undefined ? url : undefined);
  const close = async (): Promise<void> => {
    connection.close();
    await events.return();
  };
  return {
    get lastEventId() {
      return connection.lastEventId;
    },
    get reconnectionTime() {
      return connection.reconnectionTime;
    },
    get readyState() {
      return connection.readyState;
    },
    close,
    [Symbol.asyncDispose]: close,
    [Symbol.asyncIterator]: () => ({
      next: () => events.next(),
      return: async () => {
        await close();
        return { done: true, value: undefined };
      },
    }),
  };
}

function isUntil(until: unknown): boolean {
  return typeof until === "string" || typeof until === "function";
}

async function* iterate<Received extends ServerSentEvent<string, unknown>>(
  connection: Connection<Received>,
  wrongUrl: unknown,
): AsyncGenerator<Received, void, void> {
  try {
    if (wrongUrl !== undefined) {
      throw new TypeError(
        `Cannot connect: url must be a URL: received ${describeUrl(wrongUrl)}`,
      );
    }
    while (await connection.fill()) {
      const event = connection.take();
      if (event !== undefined) yield event;
    }
  } finally {
    connection.close();
    await connection.flush();
  }
}
