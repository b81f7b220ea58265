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
import { toOutcome } from "./outcome.ts";

export { ChannelObject };

/** A channel that can be looked into. */
export class OpenChannel extends ChannelObject {
  readonly #sql;

  constructor(ctx: ChannelObjectState) {
    super(ctx);
    this.#sql = ctx.storage.sql;
  }

  override async fetch(request: Request): Promise<Response> {
    switch (new URL(request.url).hostname) {
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

// deno-lint-ignore no-explicit-any -- the test that passes them knows their types
function run(channel: DurableChannel, operation: string, args: any[]) {
  switch (operation) {
    case "publish":
      return channel.publish(args[0], args[1]);
    case "publishAll":
      return Promise.all(
        // deno-lint-ignore no-explicit-any -- likewise
        args.map((event: any) => toOutcome(() => channel.publish(event))),
      );
    case "publishAndClose":
      return Promise.all([channel.publish(args[0]), channel.close()]);
    case "publishDate":
      return channel.publish([{ data: "a" }, { data: new Date() as never }]);
    case "close":
      return channel.close();
    default:
      throw new Error(`There is no operation ${operation}`);
  }
}

export default {
  async fetch(
    request: Request,
    env: Record<string, Namespace>,
  ): Promise<Response> {
    const url = new URL(request.url);
    const [, className, name, operation] = url.pathname.split("/");
    const namespace = env[className!]!;
    if (
      operation === "raw" || operation === "stats" || operation === "entries"
    ) {
      const object = namespace.get(namespace.idFromName(name!));
      return await object.fetch(
        operation === "raw" ? request : new Request(`https://${operation}/`),
      );
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
    const args = await request.json();
    return Response.json(await toOutcome(() => run(channel, operation, args)));
  },
};
