import type { RedisServer } from "../redis/redis.ts";
import type { AdaptedClient } from "../redis/redis_clients.ts";

export const KEY = "rivulet:{news}";

/** Returns the commands that create a new log. */
export async function dump(server: RedisServer): Promise<string[][]> {
  const lines = await server.command("--json", "XRANGE", KEY, "-", "+");
  const commands = (JSON.parse(lines) as [string, string[]][])
    .map(([id, fields]) => ["XADD", KEY, id, ...fields]);
  const key = `${KEY}:once`;
  const known = await server.command("GET", key);
  return [...commands, ["SET", key, known, "PX", String(1e12)]];
}

/** Creates a new log. */
export async function load(
  { redis }: AdaptedClient,
  commands: readonly string[][],
): Promise<void> {
  const { signal } = new AbortController();
  for (const [command, ...args] of commands) {
    await redis.send(command!, args, signal);
  }
}
