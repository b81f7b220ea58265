/**
 * A process that runs the recipe for presence as docs/recipes.md prints it, with its log in Redis:
 * `deno run -A presence_server.ts URL`. It prints its own URL.
 */
import { announce } from "../../support/listen.ts";
import { type HandlerModule, importProgram } from "../../support/program.ts";

const { handler } = await importProgram<HandlerModule>(
  "docs/recipes.md",
  "Presence",
  "server.ts",
  {
    "const server =": `
      import { Redis } from "npm:ioredis@6.0.0";
      import { ioRedis, RedisLog } from "@rivulet/sse/redis";
      const redis = ioRedis(new Redis(${
      JSON.stringify(Deno.args[0])
    }, { lazyConnect: true }));
      const server =`,
    "new MemoryLog({ maxAge: 30_000 })":
      'new RedisLog(redis, "presence", { maxAge: 30_000 })',
  },
);

await announce(handler);
