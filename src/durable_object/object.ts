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

/** What a {@linkcode ChannelObject} is made with: the `ctx` of a Durable Object fits. */
export interface ChannelObjectState {
  /** The object's storage. */
  readonly storage: DurableObjectLogStorage;
}

/**
 * A Durable Object that holds one channel: its log in the object's SQLite, its subscribers' responses in the
 * object's memory. Export it from a Worker, bind it, and call it with {@linkcode durableChannel}.
 *
 * To set options, hooks or conditions, export a subclass in its place.
 *
 * @example
 * ```ts
 * import { ChannelObject } from "@rivulet/sse/durable-object";
 * import { assertEquals } from "@std/assert";
 *
 * export class News extends ChannelObject {
 *   override readonly retention = { maxEvents: 500, maxAge: 86_400_000 };
 *   override readonly options = { retry: 5000, maxSubscribers: 2000 };
 *
 *   // Decides for each subscriber, next to the events.
 *   override respond(request: Request, options = {}): Promise<Response> {
 *     const filter = request.headers.get("x-plan") === "free" ? ["headline"] : undefined;
 *     return super.respond(request, { ...options, filter });
 *   }
 * }
 *
 * assertEquals(News.name, "News");
 * ```
 */
export class ChannelObject {
  /** A mark in types alone: `DurableObjectNamespace<Room>`, as `wrangler types` writes it, asks for it. */
  declare readonly __DURABLE_OBJECT_BRAND: never;
  /** What the log keeps. */
  readonly retention: RetentionOptions = {};
  /** What the channel does. */
  readonly options: Omit<ChannelOptions, "log"> = {};
  readonly #storage: DurableObjectLogStorage;
  #log: DurableObjectLog | undefined;
  #channel: Channel | undefined;

  /**
   * Made by the platform.
   *
   * @param ctx The object's state.
   */
  constructor(ctx: ChannelObjectState) {
    this.#storage = ctx.storage;
  }

  /** The channel, for a subclass that publishes or looks at its `stats`. */
  get channel(): Channel {
    // Only now, as a subclass sets its options after this class's constructor.
    return this.#channel ??= new Channel({
      ...this.options,
      log: this.#opened,
    });
  }

  get #opened(): DurableObjectLog {
    return this.#log ??= new DurableObjectLog(this.#storage, this.retention);
  }

  /**
   * Answers the calls of {@linkcode durableChannel}. Any other request gets 400: pass requests on with
   * its `respond`.
   */
  async fetch(request: Request): Promise<Response> {
    const call = await unpackCall(request);
    if (call === undefined) {
      return new Response("This object answers durableChannel() only.", {
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
   * Answers a subscriber; a subclass can change what it is answered with.
   *
   * @param request The client's request, its body left out.
   * @param options What the caller asks for.
   * @returns The response.
   */
  respond(
    request: Request,
    options?: ChannelRespondOptions,
  ): Promise<Response> {
    return this.channel.respond(request, options);
  }

  /** Deletes what has expired; a subclass with an `alarm()` of its own calls this one too. */
  alarm(): Promise<void> {
    return this.#opened.alarm();
  }

  async #take(step: ChannelStep): Promise<StepOutcome> {
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
        // All begun at once, so that they come in their order, and each is an outcome of its own.
        return Response.json(
          await Promise.all(call.steps.map((step) => this.#take(step))),
        );
      case "respond":
        return await this.respond(
          unpackRequest(request, call.url),
          call.options,
        );
    }
  }
}
