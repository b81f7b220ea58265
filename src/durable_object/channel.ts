import { checkOptions, describe, type OptionTable } from "../internal/check.ts";
import { encodeEvent } from "../encode.ts";
import { EventStreamError } from "../error.ts";
import { checkRequest } from "../server/request.ts";
import { HEADERS_RULE, SIGNAL_RULE } from "../server/event_response.ts";
import { Batches } from "../internal/batcher.ts";
import { report } from "../internal/report.ts";
import {
  type ChannelStep,
  type DurableRespondOptions,
  type ObjectCall,
  packCall,
  passResponse,
  type StepOutcome,
  unpackId,
  unpackOutcomes,
} from "./rpc.ts";
import {
  isNames,
  PUBLISH_OPTIONS,
  SUBSCRIBE_OPTIONS,
} from "../server/channel_options.ts";
import {
  type PublishInit,
  type PublishOptions,
  respond,
} from "../server/mod.ts";

/** The minimum milliseconds after which a client reconnects if the object cannot be reached. */
const RETRY = 2000;
/** The limits of one call to the object. */
const MAX_BATCH = { items: 500, weight: 1_048_576, patience: 30_000 };

/** A Worker's binding to a Durable Object class: a `DurableObjectNamespace`, such as `env.CHANNELS`. */
export interface ChannelNamespace {
  /** Returns the ID of the object with a name. */
  idFromName(name: string): unknown;
  /** Returns a stub of an object. */
  get(id: unknown): {
    /** Sends a request to the object. */
    fetch(request: Request): Promise<Response>;
  };
}

/** A channel in a Durable Object, for use in a Worker. */
export interface DurableChannel {
  /**
   * Publishes one event, or several atomically; see `Channel.publish`. Events are stored in the order of the calls,
   * whether you await them or not. Calls that wait are sent to the object together.
   *
   * @param event The event or events.
   * @param options The idempotency key.
   * @returns The ID of the last event, once the object has stored it durably.
   * @throws {TypeError} If an event cannot be encoded. Nothing is published.
   * @throws {RangeError} If there is no event, or if there are more than the log can hold.
   * @throws {EventStreamError} Code `closed` or `log-unavailable`. If the object cannot be reached, the events may have
   * been published: use an idempotency key to retry safely.
   */
  publish(
    event: PublishInit | readonly PublishInit[],
    options?: PublishOptions,
  ): Promise<string>;
  /**
   * Forwards a request to the object, which responds with the channel's events; see `Channel.respond`.
   *
   * If the object cannot be reached, the error is reported with `reportError()`, and the response is a stream that
   * sends a reconnection time and ends. With a status other than 200, an `EventSource` would not reconnect.
   *
   * @param request The request. Its body is not forwarded.
   * @param options The start position, a filter and headers.
   * @returns The object's response, to be returned unchanged.
   * @throws {TypeError} If an argument or an option has the wrong type.
   */
  respond(
    request: Request,
    options?: DurableRespondOptions,
  ): Promise<Response>;
  /**
   * Closes the channel permanently; see `Channel.close`.
   *
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  close(): Promise<void>;
}

/**
 * Returns the channel with a name, which lives in a {@linkcode ChannelObject}. The platform creates the object at the
 * first call. Until then a `DurableChannel` costs nothing, so create one for each request.
 *
 * @example In a Worker
 * ```ts
 * import { type ChannelNamespace, durableChannel } from "@rivulet/sse/durable-object";
 *
 * async function handle(request: Request, env: { CHANNELS: ChannelNamespace }): Promise<Response> {
 *   const room = durableChannel(env.CHANNELS, new URL(request.url).pathname);
 *   if (request.method !== "POST") return await room.respond(request);
 *   return Response.json(await room.publish({ data: await request.text() }));
 * }
 * ```
 *
 * @param namespace The binding.
 * @param name The channel's name. Each name has a separate object.
 * @returns The channel.
 * @throws {TypeError} If an argument has the wrong type.
 */
export function durableChannel(
  namespace: ChannelNamespace,
  name: string,
): DurableChannel {
  checkArguments(namespace, name);
  const reach = (request: Request) => reachObject(namespace, name, request);
  // Separate calls would overtake each other, especially large ones.
  const steps = new Batches<ChannelStep, StepOutcome>(async (steps) => {
    const call = packCall({ kind: "steps", steps });
    return await unpackOutcomes(await reach(call));
  }, MAX_BATCH);

  return {
    async publish(event, options = {}) {
      checkOptions("Cannot publish", options, PUBLISH_OPTIONS);
      const given = Array.isArray(event)
        ? event as readonly PublishInit[]
        : [event as PublishInit];
      const events = given.map(plain);
      const step: ChannelStep = { kind: "publish", events, options };
      return unpackId(await steps.add(step, lengthOf(events))) as string;
    },
    async respond(request, options = {}) {
      checkRequest(request);
      const call = respondCall(request, options);
      const answer = await reach(packCall(call, request))
        .catch((error) => respondUnavailable(request, options, error));
      return withSignal(request, await passResponse(answer), options.signal);
    },
    async close() {
      unpackId(await steps.add({ kind: "close" }, 0));
    },
  };
}

async function reachObject(
  namespace: ChannelNamespace,
  name: string,
  request: Request,
): Promise<Response> {
  try {
    // A stub keeps failing after its object was reset, so each call gets a new one.
    return await namespace.get(namespace.idFromName(name)).fetch(request);
  } catch (cause) {
    throw new EventStreamError(
      "log-unavailable",
      `Cannot reach the object of channel ${describe(name)}`,
      { cause },
    );
  }
}

function checkArguments(namespace: ChannelNamespace, name: string): void {
  if (typeof namespace?.idFromName !== "function") {
    throw new TypeError(
      `Cannot open channel: namespace must be a binding to Durable Objects: received ${
        describe(namespace)
      }`,
    );
  }
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot open channel: name must be a string: received ${describe(name)}`,
    );
  }
}

/**
 * Checks an event and returns the properties that are sent to the object. The check comes first, because JSON would
 * change invalid values.
 */
function plain(init: PublishInit): PublishInit {
  encodeEvent(init);
  const { comment, event, data, retry } = init;
  return { comment, event, data, retry };
}

/** Returns the approximate size of the events in a call, in code units. */
function lengthOf(events: readonly PublishInit[]): number {
  return events.reduce(
    (sum, { comment = "", data = "" }) => sum + comment.length + data.length,
    0,
  );
}

const DURABLE_RESPOND_OPTIONS: OptionTable<DurableRespondOptions> =
  /* @__PURE__ */ Object.assign(
    {},
    SUBSCRIBE_OPTIONS,
    {
      headers: HEADERS_RULE,
      signal: SIGNAL_RULE,
      filter: [
        "a list of event names (a function cannot be sent to the object)",
        isNames,
      ],
    } as const,
  );

function respondCall(
  { url }: Request,
  options: DurableRespondOptions,
): ObjectCall {
  checkOptions("Cannot respond", options, DURABLE_RESPOND_OPTIONS);
  const { from, gap, filter } = options;
  const headers = [...new Headers(options.headers)];
  return { kind: "respond", url, options: { from, gap, filter, headers } };
}

/** Reports the error and responds with a reconnection time. */
function respondUnavailable(
  request: Request,
  { headers }: DurableRespondOptions,
  error: unknown,
): Response {
  report(error);
  const retry = Math.round(RETRY * (1 + Math.random()));
  return respond(request, [], { headers, retry });
}

/** Ends the object's response when the signal aborts. A signal cannot be sent to the object. */
function withSignal(
  request: Request,
  answer: Response,
  signal: AbortSignal | undefined,
): Response {
  const { body, headers } = answer;
  const isStream = headers.get("content-type") === "text/event-stream";
  if (signal === undefined || body === null || !isStream) return answer;
  return respond(request, answer, { headers, signal, keepAlive: false });
}
