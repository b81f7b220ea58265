/** Errors never contain a header, a token, a password or a query. */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  connect,
  type ConnectOptions,
  EventSource,
} from "../../src/client/mod.ts";
import { decode } from "../../src/decode.ts";
import { EventStreamError } from "../../src/error.ts";
import { RedisLog, restRedis } from "../../src/redis/mod.ts";
import { test } from "../_test.ts";
import { faces } from "../client/_faces.ts";
import { realServer, type SocketReply } from "../client/_server.ts";
import { revealedBy } from "./_revealed.ts";

const SECRET = "s3cr3t";
const retry = { delay: 1, minDelay: 0, maxAttempts: 2 };
const ONE = { entries: 1, bytes: 1 };

function assertSecret(error: unknown): void {
  const told = revealedBy(error);
  assert(!told.includes(SECRET), told);
}

const failures: Record<string, [SocketReply, ConnectOptions["headers"]?]> = {
  "a connection that breaks": ["refuse"],
  "a refusal": [{
    status: 403,
    headers: { "set-cookie": `session=${SECRET}`, "x-hint": SECRET },
    body: ["Forbidden"],
  }],
  "a header with a line break": [
    { body: [] },
    () => ({ authorization: `Bearer ${SECRET}\nx-admin: yes` }),
  ],
  // workerd sends it.
  "a header beyond Latin-1": [
    "refuse",
    () => ({ authorization: `Bearer ${SECRET} \u4F60\n` }),
  ],
};

for (const [face, read] of faces) {
  for (const [name, [reply, headers]] of Object.entries(failures)) {
    test(`${face} puts no header and no query into its error for ${name}`, async () => {
      const server = await realServer({ script: [reply, reply] });
      const { reason } = await read(`${server.url}?token=${SECRET}`, {
        headers: headers ?? { authorization: `Bearer ${SECRET}` },
        retry,
      });
      assertInstanceOf(reason, EventStreamError);
      assertEquals(
        reason.code,
        name === "a refusal" ? "not-an-event-stream" : "connection-failed",
      );
      assertSecret(reason);
      // Hidden values stay accessible as properties.
      if (reason.response !== undefined) {
        assertEquals(reason.response.status, 403);
        await reason.response.body?.cancel();
      }
    });
  }

  test(`${face} fails permanently for a user name and a password in the URL, and hides them`, async () => {
    const server = await realServer({ script: [] });
    const url = server.url.replace("//", `//user:${SECRET}@`);
    const { reason } = await read(url, { retry });
    assertInstanceOf(reason, EventStreamError);
    assertEquals([reason.code, reason.attempts], ["connection-failed", 1]);
    assertStringIncludes(reason.message, "send an authorization header");
    assertSecret(reason);
    assertEquals(await server.requests(), []);
  });
}

test("connect() and new EventSource() hide secrets of the options and URLs they refuse", async () => {
  const url = "https://example.com/";
  const wrong: ConnectOptions[] = [
    { headers: { authorization: `Bearer ${SECRET}\n.` } },
    { headers: `authorization: ${SECRET}` as unknown as HeadersInit },
    { headers: [["authorization", SECRET, ""] as unknown as [string, string]] },
    { body: SECRET },
  ];
  for (const options of wrong) {
    assertSecret(assertThrows(() => connect(url, options), TypeError));
    assertSecret(assertThrows(() => new EventSource(url, options), TypeError));
  }
  const bad = `https://user:${SECRET}@example.com:99999/?token=${SECRET}`;
  const error = assertThrows(() => new EventSource(bad), DOMException);
  assertEquals(error.name, "SyntaxError");
  assertSecret(error);
  const events = connect(bad)[Symbol.asyncIterator]();
  assertSecret(await assertRejects(() => events.next(), TypeError));
});

test("decode() hides the headers and the URL of a refused response, except in error.response", () => {
  const response = new Response(SECRET, {
    status: 401,
    headers: { "x-token": SECRET },
  });
  const error = assertThrows(() => decode(response), EventStreamError);
  assertEquals(error.response?.headers.get("x-token"), SECRET);
  assertSecret(error);
});

test("restRedis() hides tokens and passwords of the options it refuses", () => {
  const url = "https://example.com";
  for (
    const options of [
      { url, token: `${SECRET}\n` },
      { url, token: `${SECRET} ` },
      { url, token: { token: SECRET } as unknown as string },
      { url: `redis://default:${SECRET}@example.com`, token: "a" },
      { url: `example.com/?token=${SECRET}`, token: "a" },
    ]
  ) assertSecret(assertThrows(() => restRedis(options), TypeError));
});

const answers: Record<string, SocketReply> = {
  "breaks off": "refuse",
  "is refused": { status: 401, body: ["Unauthorized"] },
  "is answered with a page": { status: 502, body: ["<h1>Bad gateway</h1>"] },
};

for (const [name, reply] of Object.entries(answers)) {
  test(`restRedis() hides the token when a request ${name}`, async () => {
    const server = await realServer({ script: Array(8).fill(reply) });
    const redis = restRedis({ url: server.url, token: SECRET });
    const log = new RedisLog(redis, "news");
    const error = await assertRejects(() => log.read(0, ONE), EventStreamError);
    assertEquals(error.code, "log-unavailable");
    assertSecret(error);
    const [request] = await server.requests();
    assertEquals(request?.headers["authorization"], `Bearer ${SECRET}`);
  });
}

test("restRedis() follows no redirect, so that no other server receives the token", async () => {
  const target = await realServer({ script: [] }, "localhost");
  const redirect = { status: 307, headers: { location: target.url } };
  const server = await realServer({ script: Array(8).fill(redirect) });
  const redis = restRedis({ url: server.url, token: SECRET });
  const log = new RedisLog(redis, "news");
  await assertRejects(() => log.read(0, ONE), EventStreamError);
  assertEquals(await target.requests(), []);
});
