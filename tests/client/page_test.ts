import { assertEquals } from "@std/assert";
import { EventSource } from "../../src/client/mod.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { onPage } from "./_page.ts";
import { record } from "./_record.ts";
import { quick, servers } from "./_server.ts";

for (const [name, start] of servers) {
  test(`pauseWhenHidden disconnects from ${name} and resumes without a delay or an error event`, () =>
    onPage(async (page) => {
      const server = await start([
        { body: ["id: 1\ndata: a\n\n"], end: "hang" },
        { body: ["data: b\n\n"], end: "hang" },
      ]);
      const source = new EventSource(server.url, {
        ...server.options,
        pauseWhenHidden: true,
      });
      const events = record(source);
      await events.length(2);
      page.show(false);
      assertEquals(source.readyState, EventSource.CONNECTING);
      await server.allLeft();
      assertEquals((await server.requests()).length, 1);
      page.show(true);
      await events.length(4);
      source.close();
      await server.allLeft();
      assertEquals(events.log, ["open 1", '"a" #1', "open 1", '"b" #1']);
      assertEquals(
        (await server.requests()).map(({ lastEventId }) => lastEventId),
        [undefined, "1"],
      );
    }));
}

test("pauseWhenHidden discards events that were not dispatched, and receives them again", () =>
  onPage(async (page) => {
    const server = scriptedServer([
      { body: "id: 1\ndata: a\n\nid: 2\ndata: b\n\n", end: "hang" },
      { body: "id: 2\ndata: b\n\n", end: "hang" },
    ]);
    const source = new EventSource("https://example.com/", {
      fetch: server.fetch,
      pauseWhenHidden: true,
    });
    const events = record(source);
    source.addEventListener("message", ({ data }) => {
      if (data === "a") page.show(false);
    });
    await settle();
    assertEquals([source.lastEventId, server.connections], ["1", 0]);
    page.show(true);
    await events.length(4);
    source.close();
    assertEquals(events.log, ["open 1", '"a" #1', "open 1", '"b" #2']);
    assertEquals(server.requests[1]?.headers.get("last-event-id"), "1");
  }));

test("pauseWhenHidden cancels the response to a request sent before the page was hidden", () =>
  onPage(async (page) => {
    const answers: ((response: Response) => void)[] = [];
    const fetch = () =>
      new Promise<Response>((resolve) => void answers.push(resolve));
    const source = new EventSource("https://example.com/", {
      fetch,
      pauseWhenHidden: true,
    });
    const events = record(source);
    const respond = (data: string, onCancel = () => {}): Response => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode(`data: ${data}\n\n`)),
        cancel: onCancel,
      });
      const headers = { "content-type": "text/event-stream" };
      return new Response(body, { headers });
    };
    await settle();
    page.show(false);
    page.show(true);
    await settle();
    let isCancelled = false;
    answers[1]!(respond("new"));
    answers[0]!(respond("old", () => isCancelled = true));
    await events.length(2);
    await settle();
    source.close();
    assertEquals(events.log, ["open 1", '"new"']);
    assertEquals([isCancelled, answers.length], [true, 2]);
  }));

test("pauseWhenHidden makes no request while the page is hidden, and ends a wait when the page is shown", () =>
  onPage(async (page) => {
    page.show(false);
    const server = scriptedServer([new TypeError("refused"), { end: "hang" }]);
    const source = new EventSource("https://example.com/", {
      fetch: server.fetch,
      pauseWhenHidden: true,
      retry: { minDelay: 2 ** 31 - 1 },
    });
    const events = record(source);
    await settle();
    assertEquals(server.requests.length, 0);
    page.show(true);
    await events.length(1);
    page.show(false);
    await settle();
    assertEquals(server.requests.length, 1);
    page.show(true);
    await events.length(2);
    source.close();
    assertEquals(events.log, ["error 0", "open 1"]);
  }));

test("EventSource without pauseWhenHidden stays connected on a hidden page", () =>
  onPage(async (page) => {
    const server = scriptedServer([{ end: "hang" }]);
    const source = new EventSource("https://example.com/", {
      fetch: server.fetch,
    });
    const events = record(source);
    await events.length(1);
    page.show(false);
    assertEquals([source.readyState, server.connections], [
      EventSource.OPEN,
      1,
    ]);
    source.close();
  }));

test("close() while the page is hidden prevents the request when the page is shown", () =>
  onPage(async (page) => {
    page.show(false);
    const server = scriptedServer([]);
    const source = new EventSource("https://example.com/", {
      fetch: server.fetch,
      pauseWhenHidden: true,
    });
    await settle();
    source.close();
    page.show(true);
    await settle();
    assertEquals([server.requests.length, source.readyState], [
      0,
      EventSource.CLOSED,
    ]);
  }));

test("retryWhenOnline retries without a delay only when the network comes back", () =>
  onPage(async (page) => {
    const server = scriptedServer([
      new TypeError("refused"),
      { status: 503, headers: { "retry-after": "9" } },
      { end: "hang" },
    ]);
    const source = new EventSource("https://example.com/", {
      fetch: server.fetch,
      retryWhenOnline: true,
      retry: { minDelay: 2 ** 31 - 1, statuses: () => true },
    });
    const events = record(source);
    await events.length(1);
    page.goOnline();
    await events.length(2);
    page.goOnline();
    await settle();
    source.close();
    page.goOnline();
    await settle();
    assertEquals(events.log, ["error 0", "error 0"]);
    assertEquals(server.requests.length, 2);
  }));

test("retryWhenOnline does not touch an open connection or a pending request", () =>
  onPage(async (page) => {
    const server = scriptedServer([{ body: [5], end: "drop" }, {
      delay: 5,
      end: "hang",
    }]);
    const source = new EventSource("https://example.com/", {
      fetch: server.fetch,
      retryWhenOnline: true,
      retry: quick,
    });
    const events = record(source);
    await events.length(1);
    page.goOnline();
    while (server.requests.length < 2) await settle();
    page.goOnline();
    await events.length(3);
    source.close();
    assertEquals(events.log, ["open 1", "error 0", "open 1"]);
    assertEquals(server.requests.length, 2);
  }));

test("EventSource without retryWhenOnline keeps waiting when the network comes back", () =>
  onPage(async (page) => {
    const server = scriptedServer([new TypeError("refused")]);
    const source = new EventSource("https://example.com/", {
      fetch: server.fetch,
    });
    await record(source).length(1);
    page.goOnline();
    await settle();
    source.close();
    assertEquals(server.requests.length, 1);
  }));

test("pauseWhenHidden loads the cursor once, even if the page is hidden while it loads", () =>
  onPage(async (page) => {
    const loads: ((id: string) => void)[] = [];
    const { fetch, requests } = scriptedServer([{ status: 204 }]);
    const source = new EventSource("https://example.com/", {
      fetch,
      pauseWhenHidden: true,
      cursor: {
        load: () => new Promise((resolve) => void loads.push(resolve)),
        save() {},
      },
    });
    const closed = new Promise((resolve) => source.onerror = resolve);
    await settle();
    page.show(false);
    page.show(true);
    await settle();
    loads[0]!("7");
    await closed;
    assertEquals(loads.length, 1);
    assertEquals(requests[0]?.headers.get("last-event-id"), "7");
  }));
