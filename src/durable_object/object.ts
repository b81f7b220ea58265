import type { RetentionOptions } from "../log/log.ts";
import {
  Channel,
  type ChannelOptions,
  type ChannelRespondOptions,
} from "../server/mod.ts";
import { DurableObjectLog, type DurableObjectLogStorage } from "./log.ts";
import {
  type ChannelStep,
  errorResponse,
  type ObjectCall,
  packError,
  type StepOutcome,
  unpackCall,
  unpackRequest,
} from "./rpc.ts";

/** The state that a {@linkcode ChannelObject} receives: the `ctx` of a Durable Object. */
export interface ChannelObjectState {
  /** The object's storage. */
  readonly storage: DurableObjectLogStorage;
}

/**
 * A Durable Object with one channel. Its log is in the object's SQLite database, and the object sends the responses to
 * the subscribers. Export it from a Worker, add a binding, and call it with {@linkcode durableChannel}.
 *
 * To set options, add hooks or check requests, export a subclass instead.
 *
 * @example
 * ```ts
 * import { ChannelObject } from "@rivulet/sse/durable-object";
 *
 * export class News extends ChannelObject {
 *   override readonly retention = { maxEvents: 500, maxAge: 86_400_000 };
 *   override readonly options = { retry: 5000, maxSubscribers: 2000 };
 *
 *   // Runs in the object for each subscriber.
 *   override respond(request: Request, options = {}): Promise<Response> {
 *     const filter = request.headers.get("x-plan") === "free" ? ["headline"] : undefined;
 *     return super.respond(request, { ...options, filter });
 *   }
 * }
 * ```
 */
export class ChannelObject {
  /** A brand for type checking only, which `DurableObjectNamespace<Room>` from `wrangler types` requires. */
  declare readonly __DURABLE_OBJECT_BRAND: never;
  /** The retention of the log. */
  readonly retention: RetentionOptions = {};
  /** The options of the channel. */
  readonly options: Omit<ChannelOptions, "log"> = {};
  readonly #storage: DurableObjectLogStorage;
  #log: DurableObjectLog | undefined;
  #channel: Channel | undefined;

  /**
   * Called by the platform.
   *
   * @param ctx The object's state.
   */
  constructor(ctx: ChannelObjectState) {
    this.#storage = ctx.storage;
  }

  /** The channel, for a subclass that publishes or reads its `stats`. */
  get channel(): Channel {
    // Created here, because a subclass sets its options after this class's constructor.
    return this.#channel ??= new Channel({
      ...this.options,
      log: this.#opened,
    });
  }

  get #opened(): DurableObjectLog {
    return this.#log ??= new DurableObjectLog(this.#storage, this.retention);
  }

  /**
   * Handles the calls of {@linkcode durableChannel}. Any other request gets status 400: use the channel's `respond()`
   * to forward requests.
   */
  async fetch(request: Request): Promise<Response> {
    const call = await unpackCall(request);
    if (call === undefined) {
      return new Response("Only durableChannel() can call this object.", {
        status: 400,
      });
    }
    try {
      return await this.#answer(call, request);
    } catch (error) {
      return errorResponse(error);
    }
  }

  /**
   * Responds to a subscriber. Override it in a subclass to change the response.
   *
   * @param request The client's request, without its body.
   * @param options The caller's options.
   * @returns The response.
   */
  respond(
    request: Request,
    options?: ChannelRespondOptions,
  ): Promise<Response> {
    return this.channel.respond(request, options);
  }

  /** Deletes what has expired. A subclass that overrides it must call `super.alarm()`. */
  alarm(): Promise<void> {
    return this.#opened.alarm();
  }

  async #run(step: ChannelStep): Promise<StepOutcome> {
    try {
      if (step.kind === "publish") {
        return { id: await this.channel.publish(step.events, step.options) };
      }
      await this.channel.close();
      return { id: null };
    } catch (error) {
      return { error: packError(error) };
    }
  }

  async #answer(call: ObjectCall, request: Request): Promise<Response> {
    switch (call.kind) {
      case "steps":
        // Starts all steps at once, which keeps their order. Each has a separate outcome.
        return Response.json(
          await Promise.all(call.steps.map((step) => this.#run(step))),
        );
      case "respond":
        return await this.respond(
          unpackRequest(request, call.url),
          call.options,
        );
    }
  }
}
