import { assert, assertEquals, assertFalse } from "@std/assert";
import { Hono } from "hono";
import { streamEvents } from "../../src/hono/mod.ts";
import { Channel } from "../../src/server/channel.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { Client, eventsOf } from "./_client.ts";

test("streamEvents() keeps the headers of middleware, and the status is its own", async () => {
  const app = new Hono();
  app.use(async (c, next) => {
    c.header("x-before", "1");
    await next();
    c.header("x-after", "2");
  });
  app.get("/", (c) =>
    streamEvents(c, [{ data: "a" }], {
      retry: 3,
      headers: { "x-own": "3" },
    }));
  const response = await app.request("/");
  assertEquals(Object.fromEntries(response.headers), {
    "cache-control": "no-cache, no-transform",
    "content-type": "text/event-stream",
    "incremental": "?1",
    "x-accel-buffering": "no",
    "x-after": "2",
    "x-before": "1",
    "x-own": "3",
  });
  assertEquals(await response.text(), "retry: 3\n\ndata: a\n\n");
  const refused = await app.request("/", { headers: { accept: "text/html" } });
  assertEquals(refused.status, 406);
  await refused.text();
  const head = await app.request("/", { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
});

test("streamEvents() gives its source the last event ID, and stops it when the client leaves", async () => {
  const app = new Hono();
  const steps: string[] = [];
  app.get(
    "/",
    (c) =>
      streamEvents(c, async function* ({ lastEventId, signal }) {
        signal.addEventListener("abort", () => steps.push("abort"));
        yield { data: lastEventId };
        await new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve())
        );
      }, { onClose: (reason) => void steps.push(reason) }),
  );
  const response = await app.request("/?lastEventId=7");
  const client = new Client(response);
  assert((await client.until("data")).endsWith("data: 7\n\n"));
  void client.read();
  await settle();
  await client.leave();
  assertEquals(steps, ["abort", "disconnected"]);
});

test("a channel answers in Hono as it is", async () => {
  const news = new Channel({ retry: 0, keepAlive: false });
  const app = new Hono();
  app.get("/news", (c) => news.respond(c.req.raw));
  const id = await news.publish({ data: "1" });
  await news.close();
  const response = await app.request("/news?lastEventId=0-0");
  assertEquals(eventsOf(await response.text()), [
    { event: "message", data: "1", id },
  ]);
  assertEquals((await app.request("/news")).status, 204);
  assertFalse(news.stats.subscribers > 0);
});
