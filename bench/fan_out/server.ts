/**
 * A server for `measure.ts`, in a separate process. Its argument names the broadcaster. It prints its port; requests
 * tell it what to publish and ask for its cost.
 */
import { argv } from "node:process";
import { tellCost } from "../_cost.ts";
import { stamped } from "../_mark.ts";
import { serve } from "../_serve.ts";
import { broadcasters } from "./broadcasters.ts";
import { pause as sleep } from "../../tools/pause.ts";

const { listen, inNode, publish } = broadcasters[argv[2]!]!();

/** Publishes events, some at a time, and waits for a single one. */
async function publishAll(
  { events, atOnce, pause, padding }: Record<string, number>,
): Promise<void> {
  const rest = " ".repeat(padding!);
  for (let sent = 0; sent < events!; sent += atOnce!) {
    if (atOnce === 1) await publish(stamped() + rest);
    else {
      for (let index = 0; index < atOnce!; index++) {
        void publish(stamped() + rest);
      }
    }
    await sleep(pause!);
  }
}

await serve(async (request) => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/cost") return tellCost(request);
  if (pathname !== "/publish") return await listen(request);
  const order = Array.from(searchParams, ([key, value]) => [key, +value]);
  await publishAll(Object.fromEntries(order));
  return Response.json(null);
}, inNode);
