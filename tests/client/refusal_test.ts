/** Responses that are not event streams, and those of a `fetch` that cannot stream. */
import {
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { connect, EventStreamError } from "../../src/client/mod.ts";
import { decode } from "../../src/decode.ts";
import { test } from "../_test.ts";
import { faces } from "./_faces.ts";
import { quick, realServer, servers } from "./_server.ts";

const url = "https://example.com/";
const retry = { ...quick, maxAttempts: 3 };
const contentType = "text/event-stream";
const KEPT = 64 * 1024;

/** Everything that refuses responses: both client APIs and `decode()`. */
const readers: [
  name: string,
  refuse: (response: Response) => Promise<unknown>,
][] = [
  ...faces.map(([face, read]) =>
    [face, async (response: Response) => {
      const fetch = () => Promise.resolve(response);
      const once = { ...retry, statuses: () => false };
      return (await read(url, { fetch, retry: once })).reason;
    }] as [string, (response: Response) => Promise<unknown>]
  ),
  [
    "decode()",
    (response) =>
      Promise.resolve(assertThrows(() => decode(response), EventStreamError)),
  ],
];

/** A refused response whose body sends chunks until it is cancelled, or never ends. */
function endless(
  chunk: Uint8Array | undefined,
): { response: Response; cancelled: Promise<void> } {
  let response!: Response;
  const cancelled = new Promise<void>((resolve) => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(new TextEncoder().encode("why ")),
      pull(controller) {
        if (chunk !== undefined) controller.enqueue(chunk);
      },
      cancel: () => resolve(),
    });
    response = new Response(body, { status: 403 });
  });
  return { response, cancelled };
}

for (const [reader, refuse] of readers) {
  test(`${reader} keeps 64 KiB of a refused body readable and cancels the rest`, async () => {
    const { response, cancelled } = endless(new Uint8Array(1000).fill(46));
    const reason = await refuse(response);
    await cancelled;
    assertInstanceOf(reason, EventStreamError);
    const text = await reason.response!.text();
    assertEquals([text.length, text.slice(0, 5)], [KEPT, "why ."]);
  });

  test(`${reader} keeps the part of a refused body that arrives within a second and cancels the rest`, async () => {
    const { response, cancelled } = endless(undefined);
    const reason = await refuse(response);
    await cancelled;
    assertInstanceOf(reason, EventStreamError);
    assertEquals(await reason.response!.text(), "why ");
  });

  test(`${reader} keeps the part of a refused body that arrived before it failed`, async () => {
    let reads = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (reads++ > 0) throw new Error("cut");
        controller.enqueue(new TextEncoder().encode("why"));
      },
    }, { highWaterMark: 0 });
    const reason = await refuse(new Response(body, { status: 403 }));
    assertInstanceOf(reason, EventStreamError);
    assertEquals(await reason.response!.text(), "why");
  });

  test(`${reader} reports that a response has no content type`, async () => {
    const reason = await refuse(new Response(new Uint8Array([1])));
    assertInstanceOf(reason, Error);
    assertStringIncludes(reason.message, "received 200 without a content type");
  });
}

/** Responses without a readable stream, as some replacements of `fetch` return them. */
const streamless: [name: string, response: object][] = [
  ["none", { text: () => Promise.resolve("data: a\n\n") }],
  ["a Blob", { body: new Blob(["data: a\n\n"]) }],
  ["an async iterable", { body: (async function* () {})() }],
];
const foreign = {
  status: 200,
  headers: new Headers({ "content-type": contentType }),
  bodyUsed: false,
};

for (const [name, response] of streamless) {
  const given = { ...foreign, ...response } as unknown as Response;
  const expected = "response.body must be an unread ReadableStream: received";

  for (const [face, read] of faces) {
    test(`${face} ends with a TypeError when the body of the response is ${name}`, async () => {
      let calls = 0;
      const fetch = () => {
        calls++;
        return Promise.resolve(given);
      };
      const { reason } = await read(url, { fetch, retry });
      assertInstanceOf(reason, TypeError);
      assertStringIncludes(reason.message, expected);
      assertEquals(calls, 1);
    });
  }

  test(`decode() refuses a response whose body is ${name}`, () => {
    const { message } = assertThrows(() => decode(given), TypeError);
    assertStringIncludes(message, expected);
  });
}

for (const [face, read] of faces) {
  test(`${face} ends with a TypeError for a body that was used or is locked`, async () => {
    for (const use of ["text", "getReader"]) {
      const headers = { "content-type": contentType };
      const response = new Response("data: a\n\n", { headers });
      if (use === "text") await response.text();
      else response.body!.getReader();
      const fetch = () => Promise.resolve(response);
      const { reason } = await read(url, { fetch, retry });
      assertInstanceOf(reason, TypeError);
      assertStringIncludes(
        reason.message,
        "received one that was used or is locked",
      );
    }
  });
}

for (const [name, start] of servers) {
  test(`connect() accepts a 201 and EventSource refuses it, from ${name}`, async () => {
    const [[, readSource], [, readConnection]] = faces as [
      typeof faces[number],
      typeof faces[number],
    ];
    const reply = {
      status: 201,
      headers: { "content-type": contentType },
      body: ["id: 1\ndata: a\n\n"],
    };
    const server = await start([reply, { status: 204 }, reply]);
    const options = { ...server.options, retry };
    const connection = await readConnection(server.url, options);
    assertEquals(connection, { events: [["a", "1"]], reason: undefined });
    const { events, reason } = await readSource(server.url, options);
    assertInstanceOf(reason, Error);
    assertStringIncludes(
      reason.message,
      "response must be 200 with text/event-stream: received 201",
    );
    assertEquals(events, []);
  });
}

test("connect() ends on a 204, whatever its content type", async () => {
  const headers = { "content-type": contentType };
  const fetch = () =>
    Promise.resolve(new Response(null, { status: 204, headers }));
  for await (const _ of connect(url, { fetch })) throw new Error("An event");
});

test("decode() reads any 2xx event stream, and treats a missing body as empty", async () => {
  const headers = { "content-type": contentType };
  for (const status of [200, 201, 202, 203, 206, 299]) {
    const response = new Response("data: a\n\n", { status, headers });
    const datas: string[] = [];
    for await (const { data } of decode(response)) datas.push(data);
    assertEquals(datas, ["a"], `${status}`);
  }
  for await (const _ of decode(new Response(null, { headers }))) {
    throw new Error("An event");
  }
});

for (const [face, read] of faces) {
  for (const method of ["GET", "POST"]) {
    test(`${face} refuses the response of a ${method} whose body takes longer than idleTimeout, and does not repeat it`, async () => {
      const replies = [
        { status: 403 },
        { status: 302, headers: { location: "ftp://127.0.0.1/" } },
      ];
      for (const reply of replies) {
        const server = await realServer({
          script: [{ ...reply, body: ["why"], end: "hang" }],
        });
        const { reason } = await read(server.url, {
          // Less than the second that a refused body is read for, and enough for the response of a busy machine.
          ...{ retry, method, idleTimeout: 700 },
          // A browser follows the redirect inside fetch(), which fails with a network error.
          fetch: (url, init) => fetch(url, { ...init, redirect: "manual" }),
        });
        assertInstanceOf(reason, EventStreamError);
        if (reason.response?.type === "opaqueredirect") continue;
        assertEquals(
          [reason.code, reason.response?.status, await reason.response?.text()],
          ["not-an-event-stream", reply.status, "why"],
        );
        assertEquals((await server.requests()).length, 1);
      }
    });
  }

  test(`${face} ends with a TypeError when fetch returns no response`, async () => {
    for (const given of [undefined, null, "data: a\n\n", {}, { status: 200 }]) {
      let calls = 0;
      const fetch = () => {
        calls++;
        return Promise.resolve(given as unknown as Response);
      };
      const { reason } = await read(url, { fetch, retry });
      assertInstanceOf(reason, TypeError);
      assertStringIncludes(
        reason.message,
        `Cannot connect to "${url}": fetch must be a function that returns a Response: received`,
      );
      assertEquals(calls, 1);
    }
  });
}

for (const [reader, refuse] of readers) {
  test(`${reader} refuses a response whose status or status text the Response constructor rejects`, async () => {
    for (
      const [status, statusText] of [[999, "No"], [600, ""], [403, "\x01"]]
    ) {
      const response = new Response("why");
      for (const [key, value] of Object.entries({ status, statusText })) {
        Object.defineProperty(response, key, { value });
      }
      Object.defineProperty(response, "ok", { value: false });
      const reason = await refuse(response);
      assertInstanceOf(reason, EventStreamError);
      const kept = reason.response!;
      assertEquals(
        [kept.status, kept.statusText, kept.ok, await kept.text()],
        [status, statusText, false, "why"],
      );
      assertEquals(reason.code, "not-an-event-stream");
    }
  });
}
