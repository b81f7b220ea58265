/** A proxy for `race.ts`, in a process of its own. Its arguments are the way that it goes and where the events come from. */
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
