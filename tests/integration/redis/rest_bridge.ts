/**
 * An HTTP front end of a Redis in the format of Upstash: `deno run -A rest_bridge.ts PORT TOKEN`. Commands are JSON arrays,
 * subscriptions are event streams. It prints its URL and ends with its standard input.
 */
import { Redis } from "npm:ioredis@6.0.0";
import { EventEncoderStream } from "../../../src/encode.ts";

const [port, token] = Deno.args;
const redis = new Redis(Number(port), { maxRetriesPerRequest: 0 });
redis.on("error", () => {});

async function answer(request: Request): Promise<Response> {
  const base64 = request.headers.get("upstash-encoding") === "base64";
  try {
    const [command, ...args] = await request.json();
    const result = await redis.call(command, args);
    return Response.json({ result: base64 ? encode(result) : result });
  } catch (error) {
    const { message } = error as Error;
    return Response.json({ error: message }, { status: 400 });
  }
}

function encode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== "string" || value === "OK") return value;
  return new TextEncoder().encode(value).toBase64();
}

function listen(channels: string[]): Response {
  const own = redis.duplicate({ retryStrategy: null });
  const { readable, writable } = new EventEncoderStream();
  const writer = writable.getWriter();
  function send(type: string, channel: string, value: unknown): void {
    const data = `${type},${channel},${value}`;
    // A disconnected client is noticed here.
    writer.write({ data }).catch(() => own.disconnect());
  }
  own.on("error", () => {});
  own.on("end", () => writer.close().catch(() => {}));
  own.on("message", (channel, text) => send("message", channel, text));
  for (const channel of channels) {
    own.subscribe(channel).then(
      (count) => send("subscribe", channel, count),
      () => own.disconnect(),
    );
  }
  writer.closed.catch(() => own.disconnect());
  return new Response(readable, {
    headers: { "content-type": "text/event-stream" },
  });
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, (request) => {
  if (request.headers.get("authorization") !== `Bearer ${token}`) {
    return Response.json({ error: "Unauthorized" }, { status: 401 });
  }
  const [, action, ...channels] = new URL(request.url).pathname.split("/");
  if (action !== "subscribe") return answer(request);
  return listen(channels.map(decodeURIComponent));
});

await Deno.stdin.readable.pipeTo(new WritableStream());
Deno.exit();
