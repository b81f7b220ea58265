/**
 * A channel under load, on Deno or Bun; it prints its URL. SIGUSR2 cuts every connection and listens again on the same port;
 * `SIGTERM` drains the channel and shuts the server down, and then the process exits. Its argument: over how many
 * milliseconds it drains.
 */
import process from "node:process";
import { MemoryLog } from "../../../src/log/memory.ts";
import type { LogLimit, LogPage } from "../../../src/log/log.ts";
import { Channel } from "../../../src/server/channel.ts";
import { pause } from "../../../tools/pause.ts";
import { publish } from "../../integration/server/publish.ts";
import { announce, listen } from "../../support/listen.ts";

let reads = 0;

class CountingLog extends MemoryLog {
  override read(after: number, limit: LogLimit): Promise<LogPage> {
    reads++;
    return super.read(after, limit);
  }
}

const channel = new Channel({
  log: new CountingLog({ maxBytes: 8 * 1024 * 1024 }),
});

function handle(request: Request): Response | Promise<Response> {
  if (request.method === "POST") return publish(channel, request);
  if (!request.url.endsWith("/state")) return channel.respond(request);
  return Response.json({ subscribers: channel.stats.subscribers, reads });
}

let server = await announce(handle);
const { port } = server;

async function cut(): Promise<void> {
  server.cut();
  for (;;) {
    try {
      server = await listen(handle, port);
      return;
    } catch {
      // The port is not free yet.
      await pause(1);
    }
  }
}

async function leave(): Promise<void> {
  await channel.drain({ over: Number(process.argv[2]) });
  await server.shutdown();
  process.off("SIGUSR2", cut);
  process.off("SIGTERM", leave);
}

process.on("SIGUSR2", cut);
process.on("SIGTERM", leave);
