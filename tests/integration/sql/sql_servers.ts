import { serve } from "../../support/served.ts";
import { Servers } from "../../support/servers.ts";

/** Starts two processes that serve one channel: on `sqlite PATH`, or `postgres URL`. */
export async function startServers(...log: string[]): Promise<Servers> {
  const script = new URL("./server.ts", import.meta.url).pathname;
  const flags = ["-A", "--quiet", "--no-lock", "--unstable-no-legacy-abort"];
  const args = ["run", ...flags, script, ...log];
  const servers = new Servers(() => serve({ command: Deno.execPath(), args }));
  for (const place of [0, 1]) await servers.start(place);
  return servers;
}
