/**
 * A server for `bench/_fan_out.ts`, in a process of its own. Its argument names the broadcaster; it prints its port, and is told
 * what to publish, and asked what that has cost, over HTTP.
 */
import { cpuUsage, memoryUsage } from "node:process";
import { broadcasters } from "./_fan_out_servers.ts";
import { MARK } from "./_fan_out.ts";

const { listen, publish } = broadcasters[Deno.args[0]!]!();
const data = MARK + JSON.stringify({ symbol: "ABC", price: 123.45, size: 10 });

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Publishes so many events, some at a time; a single one is waited for. */
async function publishAll(events: number, atOnce: number): Promise<void> {
  for (let sent = 0; sent < events; sent += atOnce) {
    if (atOnce === 1) await publish(data);
    else {
      for (let index = 0; index < atOnce; index++) void publish(data);
    }
    await turn();
  }
}

function cost(): Response {
  const { user, system } = cpuUsage();
  const { rss } = memoryUsage();
  return Response.json({ cpu: (user + system) / 1e6, rss });
}

async function handle(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/cost") return cost();
  if (pathname !== "/publish") return await listen(request);
  const events = Number(searchParams.get("events"));
  await publishAll(events, Number(searchParams.get("atOnce")));
  return Response.json(events);
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, handle);
