/** A proxy for `race.ts`, in a separate process. Its arguments are how it relays and the URL of the origin. */
import { argv } from "node:process";
import { tellCost } from "../_cost.ts";
import { serve } from "../_serve.ts";
import { ways } from "./ways.ts";

const [name, origin] = argv.slice(2) as [string, string];

await serve(async (request) => {
  const { pathname, search } = new URL(request.url);
  if (pathname === "/cost") return tellCost(request);
  return ways[name]!(request, await fetch(`${origin}${pathname}${search}`));
});
