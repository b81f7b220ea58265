/**
 * An operator in Bun, with Bun's own client: `bun bun_operator.ts URL`. It prints where it listens for `POST /METHOD` with
 * the arguments as JSON.
 */
import { bunRedis, type BunRedisClient } from "../../../src/redis/mod.ts";
import { toOutcome } from "../durable_object/outcome.ts";
import { Operator } from "./operator.ts";

interface ServeOptions {
  hostname: string;
  port: number;
  fetch(request: Request): Promise<Response>;
}
declare const Bun: {
  argv: string[];
  RedisClient: new (url: string) => BunRedisClient;
  serve(options: ServeOptions): { port: number };
};

const client = new Bun.RedisClient(Bun.argv[2]!);
const operator = new Operator(bunRedis(client));

const { port } = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const method = new URL(request.url).pathname.slice(1) as "append";
    const args = await request.json();
    const outcome = await toOutcome(() => operator[method](args[0], args[1]));
    return Response.json(outcome);
  },
});
console.log(`http://127.0.0.1:${port}`);
