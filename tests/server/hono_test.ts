import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { type Context, Hono } from "hono";
import { setCookie } from "hono/cookie";
import { etag } from "hono/etag";
import type { ServerSentEventInit } from "../../src/event.ts";
import { streamEvents } from "../../src/hono/mod.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { combine } from "../../src/server/combine.ts";
import { resumable } from "../../src/server/resumable.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { Client, datasOf, eventsOf } from "./_client.ts";

/** An app whose middleware sets headers and a cookie on every response. */
function appOf(
  handler: (c: Context) => Response | Promise<Response>,
): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    c.header("x-before", "1");
    setCookie(c, "session", "s1");
    await next();
    c.header("x-after", "2");
  });
  return app.all("/", handler);
}

const cookie = "session=s1; Path=/";
/** A response created in a page holds no cookies: browsers forbid that header. */
const shownCookie = new Response(null, { headers: { "set-cookie": cookie } })
  .headers.get("set-cookie");

const middlewareHeaders = {
  ...shownCookie === null ? {} : { "set-cookie": shownCookie },
  "x-after": "2",
  "x-before": "1",
};

const ownHeaders = {
  "cache-control": "no-cache, no-transform",
  "content-type": "text/event-stream",
  "incremental": "?1",
  "x-accel-buffering": "no",
  "x-own": "3",
};

const upstream = () =>
  new Response("data:a\n\n", {
    headers: { "content-type": "text/event-stream" },
  });

async function* produce(): AsyncGenerator<ServerSentEventInit> {
  yield { data: "a" };
}

/** A channel that holds one event and is closed. */
async function closedChannel(): Promise<Channel> {
  const channel = new Channel({ keepAlive: false });
  await channel.publish({ data: "a" });
  await channel.close();
  return channel;
}

const headers = { "x-own": "3" };
const handlers: Record<
  string,
  (c: Context) => Response | Promise<Response>
> = {
  "an iterable": (c) => streamEvents(c, [{ data: "a" }], { headers }),
  "a function": (c) =>
    streamEvents(c, () => [{ data: "a" }], { headers, retry: 1 }),
  "an upstream's response": (c) => streamEvents(c, upstream(), { headers }),
  "a channel": async (c) =>
    streamEvents(c, await closedChannel(), { headers, from: "earliest" }),
  "a combination": async (c) => {
    const log = new MemoryLog();
    await log.append([{ kind: "event", body: "data: a\n\n" }]);
    await log.append([{ kind: "end", body: "" }]);
    const news = new Channel({ log, from: "earliest" });
    return streamEvents(c, combine({ news }), { headers });
  },
  "a resumable stream": (c) =>
    streamEvents(c, resumable(new MemoryLog(), produce), {
      headers,
    }),
};

for (const [name, handler] of Object.entries(handlers)) {
  test(`streamEvents() keeps the headers and cookies of middleware with ${name}`, async () => {
    const app = appOf(handler);
    const response = await app.request("/");
    assertEquals(Object.fromEntries(response.headers), {
      ...middlewareHeaders,
      ...ownHeaders,
    });
    assertEquals(datasOf(await response.text()), ["a"]);
    const refused = await app.request("/", {
      headers: { accept: "text/html" },
    });
    assertEquals(refused.status, 406);
    assertEquals(refused.headers.get("set-cookie"), shownCookie);
    await refused.text();
    const head = await app.request("/", { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
    assertEquals(head.headers.get("x-own"), "3");
    const options = await app.request("/", { method: "OPTIONS" });
    assertEquals(options.status, 204);
    assertEquals(options.headers.get("allow"), "GET, HEAD, POST, OPTIONS");
    const deleted = await app.request("/", { method: "DELETE" });
    assertEquals([deleted.status, deleted.headers.get("x-after")], [405, "2"]);
    await deleted.text();
  });
}

test("streamEvents() passes its source the last event ID, and stops it when the client disconnects", async () => {
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

test("streamEvents() answers with a channel's events, and 204 when it has ended", async () => {
  const news = new Channel({ retry: 0, keepAlive: false });
  const app = appOf((c) => streamEvents(c, news));
  const client = new Client(await app.request("/"));
  await client.until("id: ");
  assertEquals(news.stats.subscribers, 1);
  await client.leave();
  assertFalse(news.stats.subscribers > 0);
  const id = await news.publish({ data: "1" });
  await news.close();
  const response = await app.request("/?lastEventId=0-0");
  assertEquals(eventsOf(await response.text()), [
    { event: "message", data: "1", id },
  ]);
  const ended = await app.request("/");
  assertEquals(ended.status, 204);
  assertEquals(Object.fromEntries(ended.headers), middlewareHeaders);
});

test("streamEvents() rejects invalid sources, and options that its source does not have", async () => {
  const contexts: Context[] = [];
  await appOf((c) => {
    contexts.push(c);
    return c.text("");
  }).request("/");
  const c = contexts[0]!;
  assertThrows(
    () => streamEvents(c, {} as []),
    TypeError,
    "Cannot respond: source must be an iterable of events",
  );
  assertThrows(
    () => streamEvents(c, [], { form: "latest" } as object),
    TypeError,
    'Cannot respond: unknown option "form"',
  );
  await assertRejects(
    () => streamEvents(c, new Channel(), { form: "latest" } as object),
    TypeError,
    'unknown option "form", did you mean "from"?',
  );
});

test("streamEvents() streams when etag() is registered after its route, and is buffered by etag() registered before it", async () => {
  let release!: () => void;
  const released = new Promise<void>((resolve) => release = resolve);
  const events = (c: Context) =>
    streamEvents(c, async function* () {
      yield { data: "1" };
      await released;
    });
  const app = new Hono();
  app.get("/streams", events);
  app.use(etag());
  app.get("/waits", events);
  const client = new Client(await app.request("/streams"));
  assert((await client.until("data")).endsWith("data: 1\n\n"));
  await client.leave();
  let isThere = false;
  const waiting = Promise.resolve(app.request("/waits"))
    .finally(() => isThere = true);
  await settle();
  assertFalse(isThere);
  release();
  await (await waiting).text();
});
