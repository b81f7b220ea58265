/**
 * A Worker in front of channel objects. `GET /CLASS/NAME` follows a channel, with the options of respond() as JSON in
 * `?options=` and a signal that aborts after the milliseconds of `?closeAfter=`; `POST /CLASS/NAME/OPERATION` runs one operation on it with the arguments as a JSON array.
 */
import {
  ChannelObject,
  type ChannelObjectState,
  type DurableChannel,
  durableChannel,
} from "../../../src/durable_object/mod.ts";
import type {
  ChannelOptions,
  ChannelRespondOptions,
} from "../../../src/server/mod.ts";
import type { Namespace } from "./log_worker.ts";
import { answerCall, type Operations, toOutcome } from "./outcome.ts";

export { ChannelObject };

/** A channel that can be looked into. */
export class OpenChannel extends ChannelObject {
  readonly #sql;

  constructor(ctx: ChannelObjectState) {
    super(ctx);
    this.#sql = ctx.storage.sql;
  }

  override async fetch(request: Request): Promise<Response> {
    switch (new URL(request.url).pathname.split("/").at(-1)) {
      case "stats":
        return Response.json(this.channel.stats);
      case "entries":
        return Response.json(
          this.#sql.exec("SELECT COUNT(*) AS count FROM rivulet_entries")
            .toArray()[0]!.count,
        );
      default:
        return await super.fetch(request);
    }
  }
}

/** A channel that soon notices a disconnected client: it tries to write every 100 ms. */
export class LivelyChannel extends OpenChannel {
  override readonly options: ChannelOptions = { keepAlive: 100 };
}

/** One that never writes to an idle client. */
export class QuietChannel extends OpenChannel {
  override readonly options: ChannelOptions = { keepAlive: false };
}

/** One that keeps three events, for a short time. */
export class ShortChannel extends OpenChannel {
  override readonly retention = { maxEvents: 3, maxAge: 2000 };
}

/** A channel that filters events by user. */
export class PrivateChannel extends ChannelObject {
  override respond(
    request: Request,
    options?: ChannelRespondOptions,
  ): Promise<Response> {
    const user = new URL(request.url).searchParams.get("user");
    const filter = ({ data }: { data: string }) => data.startsWith(`${user}:`);
    return super.respond(request, { ...options, filter });
  }
}

/** One whose options are wrong. */
export class WrongChannel extends ChannelObject {
  override readonly retention = { maxEvents: 0 };
}

/** An object that cannot be made. */
export class BrokenChannel extends ChannelObject {
  constructor(ctx: ChannelObjectState) {
    super(ctx);
    throw new Error("This object is broken");
  }
}

function operationsOf(channel: DurableChannel): Operations {
  return {
    publish: (events, options) => channel.publish(events, options),
    publishAll: (...events) =>
      Promise.all(
        events.map((event) => toOutcome(() => channel.publish(event))),
      ),
    publishAndClose: (event) =>
      Promise.all([channel.publish(event), channel.close()]),
    publishDate: () =>
      channel.publish([{ data: "a" }, { data: new Date() as never }]),
    close: () => channel.close(),
  };
}

export default {
  async fetch(
    request: Request,
    env: Record<string, Namespace>,
  ): Promise<Response> {
    const url = new URL(request.url);
    const [, className, name, operation] = url.pathname.split("/");
    const namespace = env[className!]!;
    if (["raw", "stats", "entries"].includes(operation!)) {
      const object = namespace.get(namespace.idFromName(name!));
      return await object.fetch(request);
    }
    const channel = durableChannel(namespace, name!);
    if (operation === undefined) {
      const options = JSON.parse(url.searchParams.get("options") ?? "{}");
      const closeAfter = url.searchParams.get("closeAfter");
      if (closeAfter !== null) {
        options.signal = AbortSignal.timeout(Number(closeAfter));
      }
      return await channel.respond(request, options);
    }
    return await answerCall(request, operationsOf(channel));
  },
};
