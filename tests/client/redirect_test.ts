/** Which URL a redirected request is sent to, and with which headers and body. */
import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  EventStreamError,
  type FetchInit,
} from "../../src/client/mod.ts";
import { settle } from "../codec/_source.ts";
import { until } from "../support/until.ts";
import { test } from "../_test.ts";
import { faces } from "./_faces.ts";
import { quick, realServer, type SocketReply } from "./_server.ts";

const retry = { ...quick, maxAttempts: 3 };
const stream: SocketReply = { body: ["id: 1\ndata: a\n\n"] };
const headers = {
  authorization: "Bearer secret",
  cookie: "session=secret",
  "proxy-authorization": "secret",
  "x-api-key": "secret",
  "content-type": "application/json",
};
/** A browser follows redirects inside fetch(). */
const isBrowser = "document" in globalThis;

function to(location: string, status = 307): SocketReply {
  return { status, headers: { location } };
}

/** Asserts that a redirect was refused, with the response, and returns the message. */
function refusalOf(reason: unknown): string {
  assertInstanceOf(reason, EventStreamError);
  const { response, message } = reason;
  assertEquals([response?.status, response?.bodyUsed], [307, false]);
  return message;
}

for (const [face, read] of faces) {
  test(`${face} sends no credentials after a redirect to another origin`, async () => {
    const target = await realServer({ script: [stream] }, "localhost");
    const server = await realServer({
      script: [to(target.url), to(target.url)],
    });
    const outcome = await read(server.url, { headers, retry });
    assertEquals(outcome.events, [["a", "1"]]);
    const requests = await target.requests();
    assertEquals(requests.length, 2);
    for (const [index, { headers, lastEventId }] of requests.entries()) {
      assertEquals(headers["authorization"], undefined);
      assertEquals(headers["cookie"], undefined);
      assertEquals(headers["proxy-authorization"], undefined);
      assertEquals(headers["accept"], "text/event-stream");
      assertEquals(headers["cache-control"], "no-cache");
      assertEquals(lastEventId, index === 0 ? undefined : "1");
      // A browser sends the headers that the other origin allows by CORS, and this server allows all.
      assertEquals(headers["x-api-key"], isBrowser ? "secret" : undefined);
    }
    assertEquals(
      (await server.requests()).map(({ headers }) => headers["x-api-key"]),
      ["secret", "secret"],
    );
  });

  test(`${face} sends no credentials after a redirect back from another origin`, async () => {
    if (isBrowser) return;
    const target = await realServer({ script: [stream] });
    const middle = await realServer({ script: [to(target.url)] }, "localhost");
    const server = await realServer({ script: [to(middle.url)] });
    await read(server.url, { headers, retry });
    const [request] = await target.requests();
    assertEquals(request?.headers["x-api-key"], undefined);
    assertEquals(request?.headers["authorization"], undefined);
  });

  test(`${face} changes a POST into a GET without a body after a 302 to another origin`, async () => {
    const target = await realServer({ script: [stream] }, "localhost");
    const server = await realServer({ script: [to(target.url, 302)] });
    await read(server.url, { method: "POST", body: "{}", headers, retry });
    const [request] = await target.requests();
    assertEquals([request?.method, request?.body], ["GET", ""]);
    assertEquals(request?.headers["content-type"], undefined);
  });

  test(`${face} follows a 307 and a 308 with a body within the origin, and to no other origin`, async () => {
    for (const status of [307, 308]) {
      const target = await realServer({ script: [stream] });
      const { pathname } = new URL(target.url);
      const server = await realServer({ script: [to(pathname, status)] });
      const options = { method: "POST", body: "{}", headers, retry };
      await read(server.url, options);
      const [request] = await target.requests();
      assertEquals([request?.method, request?.body], ["POST", "{}"]);
      assertEquals(request?.headers["x-api-key"], "secret");
      if (isBrowser) continue;
      const other = await realServer({ script: [stream] }, "localhost");
      const refused = await realServer({ script: [to(other.url, status)] });
      const { reason } = await read(refused.url, options);
      assertInstanceOf(reason, EventStreamError);
      assertEquals(reason.response?.status, status);
      assertStringIncludes(
        reason.message,
        "a redirect must stay within its origin when the request has a body or",
      );
      assertEquals((await other.requests()).length, 0);
      assertEquals((await refused.requests()).length, 1);
    }
  });

  test(`${face} sends its headers after a redirect within the origin`, async () => {
    const target = await realServer({ script: [] });
    const { pathname } = new URL(target.url);
    const server = await realServer({ script: [to(pathname, 302)] });
    await read(server.url, { headers, retry });
    const [request] = await target.requests();
    assertEquals(request?.headers["authorization"], "Bearer secret");
    assertEquals(request?.headers["x-api-key"], "secret");
  });

  test(`${face} gives up after 20 redirects`, async () => {
    const server = await realServer({ script: Array(50).fill(to("#")) });
    const { reason } = await read(server.url, {
      retry: { ...retry, maxAttempts: 1 },
    });
    assertInstanceOf(reason, EventStreamError);
    assertLess((await server.requests()).length, 23);
  });

  test(`${face} follows redirects to http and https only, and keeps their secrets out of errors`, async () => {
    if (isBrowser) return;
    const places = [
      "file:///etc/hostname",
      "data:text/event-stream,data:secret%0A%0A",
      "ftp://127.0.0.1/secret",
      "javascript:alert(1)",
      "http://",
      "http://user:secret@127.0.0.1:1/",
    ];
    for (const place of places) {
      const server = await realServer({ script: Array(4).fill(to(place)) });
      const { events, reason } = await read(server.url, { retry });
      const message = refusalOf(reason);
      assertStringIncludes(message, "a redirect must");
      assertFalse(message.includes("secret"), message);
      assertEquals(events, []);
      assertEquals((await server.requests()).length, 1);
    }
  });

  for (
    const [idiom, add] of [
      ["a spread", (init: FetchInit) => ({ ...init.headers, token: "secret" })],
      ["new Headers()", (init: FetchInit) => {
        const headers = new Headers(init.headers);
        headers.set("token", "secret");
        return headers;
      }],
    ] as const
  ) {
    const wrapper = (url: string, init: FetchInit) =>
      fetch(url, { ...init, headers: add(init) });

    test(`${face} keeps Accept and Last-Event-ID when fetch adds a token with ${idiom}`, async () => {
      const server = await realServer({ script: [stream] });
      await read(server.url, { fetch: wrapper, retry });
      const requests = await server.requests();
      assertEquals(
        requests.map(({ headers, lastEventId }) => [
          headers["accept"],
          headers["token"],
          lastEventId,
        ]),
        [
          ["text/event-stream", "secret", undefined],
          ["text/event-stream", "secret", "1"],
        ],
      );
    });

    test(`${face} does not call a fetch that adds a token with ${idiom} for another origin`, async () => {
      const target = await realServer({ script: [stream] }, "localhost");
      const near = await realServer({ script: [to(target.url)] });
      const { pathname } = new URL(near.url);
      const server = await realServer({ script: [to(pathname)] });
      const { reason } = await read(server.url, { fetch: wrapper, retry });
      const [request] = await near.requests();
      assertEquals(request?.headers["token"], "secret");
      // A browser follows the redirect inside fetch().
      if (isBrowser) return;
      assertStringIncludes(
        refusalOf(reason),
        `or the option fetch is given: received 307 to ${
          new URL(target.url).origin
        }`,
      );
      assertEquals((await target.requests()).length, 0);
      assertEquals((await server.requests()).length, 1);
    });
  }
}

test("connect() does not follow a redirect that arrives after close() or an idle timeout", async () => {
  for (const isTimeout of [false, true]) {
    const urls: string[] = [];
    let answer!: (response: Response) => void;
    // It ignores the signal.
    const fetch = (url: string): Promise<Response> => {
      urls.push(url);
      return new Promise((resolve) => answer = resolve);
    };
    const connection = connect("https://example.com/", {
      method: "POST",
      fetch,
      ...(isTimeout ? { idleTimeout: 1 } : {}),
    });
    const next = connection[Symbol.asyncIterator]().next();
    if (isTimeout) await assertRejects(() => next, EventStreamError);
    else {
      await until(() => urls.length > 0);
      await connection.close();
      assertEquals(await next, { done: true, value: undefined });
    }
    const headers = { location: "/next" };
    answer(new Response(null, { status: 307, headers }));
    await settle();
    assertEquals(urls, ["https://example.com/"]);
  }
});
