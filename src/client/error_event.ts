import { responseOf } from "./connection.ts";

/**
 * The `error` event of this package's `EventSource`: a plain event, as in the standard, which also says
 * what happened. Whether another attempt follows is told by the `readyState` of the source.
 *
 * A server can name its own events "error" too. Those are a `MessageEvent`, as any event from the
 * stream.
 *
 * @example
 * ```ts
 * import { EventSource, type EventSourceErrorEvent } from "@rivulet/sse/client";
 * import { scriptedServer } from "@rivulet/sse/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const { fetch } = scriptedServer([{ status: 401, body: "Who are you?" }]);
 * const source = new EventSource("https://example.com/", { fetch });
 * const error = await new Promise<EventSourceErrorEvent>((resolve) => {
 *   source.onerror = (event) => event.response && resolve(event);
 * });
 * assertEquals([source.readyState, error.status], [EventSource.CLOSED, 401]);
 * assertEquals(await error.response?.text(), "Who are you?");
 * ```
 */
export class EventSourceErrorEvent extends Event {
  /** What happened, for people. */
  readonly message: string;
  /** What happened, for code: an `EventStreamError`, or what `fetch`, the stream or a function of yours failed with. */
  readonly error: unknown;
  readonly #response: Response | undefined;
  readonly #onTake: () => void;

  /**
   * Makes the event.
   *
   * @param error What happened.
   * @param onTake Called when somebody takes the response.
   */
  constructor(error: unknown, onTake: () => void = () => {}) {
    super("error");
    this.message = error instanceof Error ? error.message : String(error);
    this.error = error;
    this.#response = responseOf(error);
    this.#onTake = onTake;
  }

  /** The status of the response that was refused, `undefined` when none was. */
  get status(): number | undefined {
    return this.#response?.status;
  }

  /**
   * The response that was refused, its body unread. The body is cancelled after the dispatch unless a
   * listener has got the response from here by then.
   */
  get response(): Response | undefined {
    this.#onTake();
    return this.#response;
  }
}
