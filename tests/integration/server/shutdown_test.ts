import { assertEquals } from "@std/assert";
import { MemoryLog } from "../../../src/log/memory.ts";
import { Channel } from "../../../src/server/channel.ts";
import { respond } from "../../../src/server/respond.ts";
import { resumable } from "../../../src/server/resumable.ts";

Deno.test("signal and drain() end every response, so that Deno.serve shuts down", async () => {
  const stop = new AbortController();
  const { signal } = stop;
  const reasons: string[] = [];
  const news = new Channel({
    onUnsubscribe: (_, reason) => reasons.push(`channel: ${reason}`),
  });
  const answer = resumable(new MemoryLog(), async function* (signal) {
    yield { data: "first" };
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  const upstream = () =>
    new Response(
      new ReadableStream({ cancel: () => void reasons.push("upstream") }),
      { headers: { "content-type": "text/event-stream" } },
    );
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
  }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/news") return news.respond(request);
    if (pathname === "/answer") return answer.respond(request, { signal });
    if (pathname === "/upstream") {
      return respond(request, upstream(), { signal });
    }
    return respond(request, new ReadableStream(), {
      signal,
      onClose: (reason) => reasons.push(`respond: ${reason}`),
    });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const responses = await Promise.all(
    ["/", "/news", "/answer", "/upstream"].map((path) => fetch(url + path)),
  );
  const texts = responses.map((response) => response.text());
  stop.abort();
  await news.drain({ over: 0 });
  await server.shutdown();
  await Promise.all(texts);
  assertEquals(reasons.toSorted(), [
    "channel: closed",
    "respond: closed",
    "upstream",
  ]);
  await answer.abort();
});
