/**
 * A Worker in front of one object, whose channels are combined: `room` in its storage, `typing` and `third` in its
 * memory. GET follows those that the query's `names` lists, for `age` milliseconds at most; POST publishes
 * `{ channel, data, key }`.
 */
import {
  type ChannelNamespace,
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object/mod.ts";
import { Channel, combine } from "../../../src/server/mod.ts";
import { handleCombination } from "../../support/channel_handler.ts";

export class Room {
  readonly #log: DurableObjectLog;
  readonly #channels: Record<string, Channel>;

  constructor(ctx: { storage: DurableObjectLogStorage }) {
    this.#log = new DurableObjectLog(ctx.storage);
    this.#channels = {
      room: new Channel({ log: this.#log, from: "earliest" }),
      typing: new Channel({ from: "earliest" }),
      third: new Channel({ from: "earliest" }),
    };
  }

  alarm(): Promise<void> {
    return this.#log.alarm();
  }

  async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") {
      return await handleCombination(this.#channels, request);
    }
    const { searchParams } = new URL(request.url);
    const names = searchParams.get("names")!.split(" ");
    return await combine(Object.fromEntries(
      names.map((name) => [name, this.#channels[name]!]),
    )).respond(request, {
      retry: 10,
      maxConnectionAge: Number(searchParams.get("age")),
    });
  }
}

export default {
  fetch(request: Request, env: { Room: ChannelNamespace }): Promise<Response> {
    return env.Room.get(env.Room.idFromName("room")).fetch(request);
  },
};
