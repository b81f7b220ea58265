/**
 * A Worker without objects that serves resumable streams from a Redis over HTTP: GET of `/NAME` follows the stream of that
 * name, POST starts it, DELETE aborts it. Nothing is kept from one request to the next.
 */
import { RedisLog, restRedis } from "../../../src/redis/mod.ts";
import { open } from "./produce.ts";

interface Env {
  REDIS: { fetch: typeof fetch };
}

interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

export default {
  async fetch(request: Request, env: Env, ctx: Context): Promise<Response> {
    // A Worker reaches a server of this machine by a binding alone.
    globalThis.fetch = (url, init) => env.REDIS.fetch(url, init);
    const { pathname, searchParams } = new URL(request.url);
    const redis = restRedis({
      url: "http://redis",
      token: searchParams.get("token")!,
    });
    const order = JSON.parse(searchParams.get("order")!);
    const answer = open(new RedisLog(redis, pathname.slice(1)), order, {
      notice() {},
      waitUntil: (promise) => ctx.waitUntil(promise),
    });
    if (request.method === "GET") return await answer.respond(request);
    if (request.method === "POST") await answer.start();
    else await answer.abort();
    return new Response(null, { status: 204 });
  },
};
