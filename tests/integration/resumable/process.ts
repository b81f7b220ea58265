/**
 * A process that serves resumable streams: `process.ts LIBRARY PLACE`. It prints its URL. GET of `/NAME` follows the stream
 * of that name, DELETE aborts it; the query of the first request configures it. `/` returns what happened, as `WHAT NAME`.
 */
import type { Resumable } from "../../../src/server/mod.ts";
import { announce } from "../../support/listen.ts";
import { libraries } from "../logs/libraries.ts";
import { open } from "./produce.ts";

const [library, place] = Deno.args as [string, string];
const { log } = (await libraries[library]!(place, ""))();
const streams: Record<string, Resumable> = {};
const notices: string[] = [];

await announce(async (request) => {
  const { pathname, searchParams } = new URL(request.url);
  const name = pathname.slice(1);
  if (name === "") return Response.json(notices);
  const order = JSON.parse(searchParams.get("order") ?? "{}");
  const stream = streams[name] ??= open(log(name), order, {
    notice: (what) => notices.push(`${what} ${name}`),
  });
  if (request.method !== "DELETE") return await stream.respond(request);
  await stream.abort("by another process");
  return new Response(null, { status: 204 });
});
