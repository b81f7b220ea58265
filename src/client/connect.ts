import type { ServerSentEvent } from "../event.ts";
import { UNTIL_RULE } from "../event_reader.ts";
import type { OptionTable } from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import { type ConnectionRetry, Reconnector } from "./reconnector.ts";
import {
  checkConnection,
  CONNECTION_OPTIONS,
  type ConnectionOptions,
} from "./options.ts";
import { parseUrl } from "./page.ts";

/**
 * Options of {@linkcode connect}.
 *
 * @typeParam Received The type of the events: with text as data, unless a contract parses it.
 */
export interface ConnectOptions<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends ConnectionOptions<Received> {
  /**
   * The event that ends the stream. A string is the exact `data` of an end marker, which is not delivered; for a
   * function, the event for which it returns `true` is the last one delivered. It receives events as they arrived,
   * before a contract parses them. A stream that ends or breaks earlier and cannot be resumed fails with code
   * `truncated`. The function is not awaited: if it returns a promise, the stream fails.
   *
   * @default {undefined} the stream ends with the connection
   */
  until?: string | ((event: ServerSentEvent) => boolean) | undefined;
  /**
   * Whether to reconnect when the server ends the stream, if the request may be repeated. Otherwise the iteration ends,
   * or fails with code `truncated` if the event that `until` names has not arrived.
   *
   * @default {undefined} reconnects if there is a last event ID to resume from
   */
  reconnectOnEnd?: boolean | undefined;
  /** Called with each accepted response, for example to read its headers. Its body is locked. It is not awaited. */
  onOpen?: ((response: Response) => void) | undefined;
  /** Called before each wait for another attempt, with the reason. It is not awaited. */
  onRetry?: ((retry: ConnectionRetry) => void) | undefined;
}

/**
 * The events of a server across reconnections. {@linkcode connect} returns it.
 *
 * @typeParam Received The type of the events.
 */
export interface EventConnection<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends AsyncIterable<Received>, AsyncDisposable {
  /** The last event ID as of the events delivered, from which to resume; `""` if there is none. */
  readonly lastEventId: string;
  /**
   * Milliseconds to wait before a reconnection: the server's last `retry`, or `retry.delay` before the first; at most
   * 2^31-1.
   */
  readonly reconnectionTime: number;
  /** 0 while connecting or waiting to reconnect, 1 while a stream is open, 2 once closed. */
  readonly readyState: 0 | 1 | 2;
  /**
   * Closes the connection immediately and ends the iteration. Resolves when the cursor store has saved the position.
   */
  close(): Promise<void>;
}

const CONNECT_OPTIONS: OptionTable<ConnectOptions> = /* @__PURE__ */ Object
  .assign(
    {
      until: UNTIL_RULE,
      reconnectOnEnd: "boolean",
      onOpen: "function",
      onRetry: "function",
    } as const,
    CONNECTION_OPTIONS,
  );

/**
 * Connects to an event stream and returns its events as an asynchronous iterable. The request is sent when the first
 * event is requested, and at most one chunk is read ahead. Leaving the loop closes the connection.
 *
 * If the connection is lost, it is reestablished and resumes from the last event ID. The same happens when the server
 * ends the stream, if there is a last event ID; otherwise the iteration ends. Responses with status 408, 425, 429 and
 * 5xx are retried. The connection fails after ten failed attempts in a row; see {@linkcode RetryOptions}. A 204
 * response ends the stream. A request with a method other than GET or HEAD is sent once, unless `idempotent` is `true`.
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
 * @example Read a language model's answer, and fail if it is incomplete
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
 * @param url The URL, which can be relative in a page or a worker. If it cannot be parsed, the iteration rejects with a
 * `TypeError`. If it contains a user name or a password, the iteration rejects with code `connection-failed`: send an
 * `authorization` header instead.
 * @param options The request, when to reconnect and when to stop.
 * @returns The events. The iteration rejects with an {@linkcode EventStreamError} of code `not-an-event-stream`, with
 * the response; `connection-failed`, with the number of attempts, the last cause and the last response, if any;
 * `truncated`, `event-too-large` or `invalid-event`. If the signal aborts, it rejects with the signal's reason. If
 * `until`, `onComment` or the cursor store fails, it rejects with that error.
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
  const connection = new Reconnector<Received>({
    url: parseUrl(url) ?? url,
    options,
    isStandard: false,
    onOpen: ({ response }) => notify(options.onOpen, response!),
    onRetry: (retry) => notify(options.onRetry, retry),
  });
  const events = iterate(connection);
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

async function* iterate<Received extends ServerSentEvent<string, unknown>>(
  connection: Reconnector<Received>,
): AsyncGenerator<Received, void, void> {
  try {
    while (await connection.fill()) {
      const event = connection.take();
      if (event !== undefined) yield event;
    }
  } finally {
    connection.close();
    await connection.flush();
  }
}
