import { describeUrl } from "../internal/check.ts";
import type { ServerSentEvent } from "../event.ts";
import { type ConnectionOptions, requestSettings } from "./options.ts";
import { parseUrl } from "./request.ts";
import { Connection, responseOf, truncated } from "./connection.ts";

/**
 * Options of {@linkcode connect}.
 *
 * @typeParam Received What comes out: events with text, unless a contract types them.
 */
export interface ConnectOptions<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
> extends ConnectionOptions<Received> {
  /**
   * The event that ends the stream: its exact `data`, which is a bare end marker and is not handed
   * out, or a predicate, whose event is the last one handed out. A stream that is over before it, and
   * cannot be resumed because its events have no IDs, fails with code `truncated`, so that half an
   * answer is never taken for a whole one. It is shown events as they arrived, before a contract has
   * seen them.
   */
  until?: string | ((event: ServerSentEvent) => boolean) | undefined;
  /**
   * Whether a stream that the server has ended is requested again, as `EventSource` does. If not, its end is
   * the end of the iteration, or `truncated` where `until` waits for an event.
   *
   * @default {true}
   */
  reconnectOnEnd?: boolean | undefined;
}

/**
 * The events of a server, over however many connections; {@linkcode connect} makes it.
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
  /** Closes the connection at once, which ends the iteration; resolves when the cursor store has the last event ID. */
  close(): Promise<void>;
}

const PATIENT = {
  maxAttempts: 10,
  statuses: (status: number): boolean =>
    status >= 500 || [408, 425, 429].includes(status),
};

/**
 * Connects to an event stream and hands out its events, reconnecting as `EventSource` does, for code
 * that awaits. The request is made when the first event is asked for, and nothing is read ahead beyond
 * one chunk. Leaving the loop, in whatever way, closes the connection.
 *
 * It differs from `EventSource` in what it takes for a passing trouble: the statuses 408, 425, 429 and
 * 5xx are tried again, and after ten attempts in a row that came to nothing it gives up. See
 * {@linkcode RetryOptions}. A 204 is the end of the stream.
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
 * @param url Where to; in a page or worker it may be relative. One that cannot be parsed is a `TypeError` in
 * the iteration, one with a user name or a password is `connection-failed`: send an `authorization` header.
 * @param options What to send, when to try again and when to stop.
 * @returns The events. The iteration rejects with an {@linkcode EventStreamError}: `connection-failed`, with
 * the number of attempts, the last cause and the refused response if there was one; `truncated`;
 * `event-too-large`. It rejects with the signal's reason when that aborts, and with the error of `until` or
 * the cursor store when one of those fails.
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If an option is out of range.
 */
export function connect<
  Received extends ServerSentEvent<string, unknown> = ServerSentEvent,
>(
  url: string | URL,
  options: ConnectOptions<Received> = {},
): EventConnection<NoInfer<Received>> {
  const { until, reconnectOnEnd = true } = options;
  const target = parseUrl(url);
  const connection = new Connection({
    ...requestSettings(target, options, PATIENT, "2xx", until),
    reconnectsOnEnd: reconnectOnEnd,
    onOpen: () => {},
    onLost: () => {},
  });
  const events = target === undefined
    ? invalid(url)
    : iterate(connection, until !== undefined);
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

// deno-lint-ignore require-yield -- there is none
async function* invalid(url: unknown): AsyncGenerator<never, void, void> {
  throw new TypeError(
    `Cannot connect: url must be a URL: received ${describeUrl(url)}`,
  );
}

async function* iterate<Received extends ServerSentEvent<string, unknown>>(
  connection: Connection<Received>,
  isCut: boolean,
): AsyncGenerator<Received, void, void> {
  try {
    while (await connection.fill()) {
      const event = connection.take();
      if (event !== undefined) yield event;
    }
  } catch (reason) {
    // 204 is how a server says that there is no more.
    if (responseOf(reason)?.status !== 204) throw reason;
    if (isCut) throw truncated();
  } finally {
    connection.close();
    await connection.flush();
  }
}
