/** The packed package in the oldest workerd that npm's tools bring today, and in the newest. */
import { assertEquals } from "@std/assert";
import { bundlers, stopBundlers } from "../../../tools/bundlers.ts";
import { installPacked } from "../../../tools/packed.ts";
import { OLDEST_WORKERD } from "../../_tools.ts";
import { Workerd } from "../../support/workerd.ts";

// esbuild starts a process at first use, which must not be reported as a leak of a test.
Deno.test.beforeAll(async () => void await bundlers.esbuild!("", "."));
Deno.test.afterAll(stopBundlers);

/** Names everything that the doors export, so that a bundler keeps all of it. */
const worker = `
import * as root from "@rivulet/sse";
import * as server from "@rivulet/sse/server";
import * as object from "@rivulet/sse/durable-object";

export class Room extends object.ChannelObject {}

export default {
  async fetch(request, { Room }) {
    const room = object.durableChannel(Room, "room");
    await room.publish({ event: "tick", data: "1" });
    const response = await room.respond(request, { from: "earliest" });
    const events = [];
    for await (const { event, data } of root.decode(response)) {
      events.push([event, data]);
      break;
    }
    const doors = [root, server, object];
    return Response.json({
      events,
      counts: doors.map((door) => Object.values(door).length > 0),
    });
  },
};`;

for (const version of [OLDEST_WORKERD, undefined]) {
  Deno.test(
    `The root, ./server and ./durable-object start in ${
      version === undefined ? "the newest workerd" : `workerd ${version}`
    }`,
    async () => {
      await using packed = await installPacked();
      const source = await bundlers.esbuild!(worker, packed.folder);
      await using workerd = await Workerd.start({
        worker: { source },
        classes: { Room: { sql: true } },
        ...version && { version },
      });
      const response = await fetch(workerd.url);
      assertEquals(await response.json(), {
        events: [["tick", "1"]],
        counts: [true, true, true],
      });
    },
  );
}
