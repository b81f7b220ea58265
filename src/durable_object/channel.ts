import { checkOptions, describe, type OptionTable } from "../internal/check.ts";
import { encodeEvent } from "../encode.ts";
import { EventStreamError } from "../error.ts";
import { checkRequest } from "../server/request.ts";
import { HEADERS_RULE, SIGNAL_RULE } from "../server/response.ts";
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

/** The shortest time after which a client comes back when the object could not be reached, in milliseconds. */
const RETRY = 2000;
/** How much goes to the object in one call. */
const MAX_BATCH = { items: 500, weight: 1_048_576, patience: 30_000 };

/**
 * The binding of a Worker to a class of Durable Objects: `env.CHANNELS`, a `DurableObjectNamespace`.
 */
export interface ChannelNamespace {
  /** Gives the ID of the object with a name. */
  idFromName(name: string): unknown;
  /** Gives access to an object. */
  get(id: unknown): {
    /** Sends the object a request. */
    fetch(request: Request): Promise<Response>;
  };
}

/** A channel in a Durable Object, as a Worker sees it. */
export interface DurableChannel {
  /**
   * Publishes one event, or several as one; see `Channel.publish`. What is published through one such object comes in
   * the order of the calls, awaited or not: what waits goes to the channel's object in one call together.
   *
   * @param event The event or events.
   * @param options The idempotency key.
   * @returns The ID of the (last) event, once the object has it durably.
   * @throws {TypeError} If an event cannot be encoded. Nothing is published.
   * @throws {RangeError} If there is no event, or more than the log can hold.
   * @throws {EventStreamError} Code `closed`, or `log-unavailable`, also when the object cannot be reached:
   * then it is not known whether it was published, and a second try should have an idempotency key.
   */
  publish(
    event: PublishInit | readonly PublishInit[],
    options?: PublishOptions,
  ): Promise<string>;
  /**
   * Passes a request on to the object, which answers with the channel's events; see `Channel.respond`.
   *
   * When the object cannot be reached, the error is reported (`reportError()`), and the response is a stream
   * that sends the client a reconnection time and ends: with another status than 200 an EventSource would
   * give up for good.
   *
   * @param request The request. Its body is not passed on.
   * @param options Where to begin, and which events to send.
   * @returns The object's response, to be returned as it is.
   * @throws {TypeError} If an argument or an option has the wrong type.
   */
  respond(
    request: Request,
    options?: DurableRespondOptions,
  ): Promise<Response>;
  /**
   * Ends the channel for good; see `Channel.close`.
   *
   * @throws {EventStreamError} Code `log-unavailable`.
   */
  close(): Promise<void>;
}

/**
 * Gives access to the channel of a name, in a {@linkcode ChannelObject} that the platform makes when it is
 * first called. It costs nothing until then, so make one for each request.
 *
 * @example In a Worker
 * ```ts
 * import { type ChannelNamespace, durableChannel } from "@rivulet/sse/durable-object";
 * import { assertThrows } from "@std/assert";
 *
 * async function handle(request: Request, env: { CHANNELS: ChannelNamespace }): Promise<Response> {
 *   const room = durableChannel(env.CHANNELS, new URL(request.url).pathname);
 *   if (request.method !== "POST") return await room.respond(request);
 *   return Response.json(await room.publish({ data: await request.text() }));
 * }
 *
 * assertThrows(() => durableChannel({} as ChannelNamespace, "news"), TypeError);
 * ```
 *
 * @param namespace The binding.
 * @param name The channel's name; each name is another object.
 * @returns The channel.
 * @throws {TypeError} If an argument has the wrong type.
 */
export function durableChannel(
  namespace: ChannelNamespace,
  name: string,
): DurableChannel {
  checkArguments(namespace, name);
  const reach = (request: Request) => reachObject(namespace, name, request);
  // Calls of their own would overtake each other, the more so the more one has to say.
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
        .catch((error) => sendAway(request, options, error));
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
    // A stub fails for good once its object was reset, so each call has its own.
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

/** Gives what of an event goes to the object. JSON would change events that are to be refused. */
function plain(init: PublishInit): PublishInit {
  encodeEvent(init);
  const { comment, event, data, retry } = init;
  return { comment, event, data, retry };
}

/** About how much of a call the events make, in code units. */
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
        "a list of event names, as a function cannot be sent to the object",
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

/** Tells the client when to come back; the error is for the runtime to report. */
function sendAway(
  request: Request,
  { headers }: DurableRespondOptions,
  error: unknown,
): Response {
  report(error);
  const retry = Math.round(RETRY * (1 + Math.random()));
  return respond(request, [], { headers, retry });
}

/** Ends the object's response when a signal aborts, which only the Worker has. */
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
