import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { type ScriptedReply, scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { withClock } from "../support/clock.ts";
import { readAll, reasonOf, settle } from "../codec/_source.ts";

const url = "https://example.com/stream";

test("scriptedServer() answers in order, then always with 204", async () => {
  const server = scriptedServer([
    { body: "data: a\n\n" },
    { status: 404, headers: { "content-type": "text/plain" }, body: "No" },
    { status: 205 },
  ]);
  const answers = [];
  for (let i = 0; i < 5; i++) {
    const response = await server.fetch(url);
    answers.push([
      response.status,
      response.headers.get("content-type"),
      response.url,
      await response.text(),
    ]);
  }
  assertEquals(answers, [
    [200, "text/event-stream", url, "data: a\n\n"],
    [404, "text/plain", url, "No"],
    [205, null, url, ""],
    [204, null, url, ""],
    [204, null, url, ""],
  ]);
  assertEquals(server.connections, 0);
});

test("scriptedServer() reads an endless script from a generator, one step at a time", async () => {
  let steps = 0;
  const server = scriptedServer((function* (): Generator<ScriptedReply> {
    for (;;) yield { body: `${++steps}` };
  })());
  assertEquals(steps, 0);
  for (const text of ["1", "2", "3"]) {
    assertEquals(await (await server.fetch(url)).text(), text);
  }
  assertEquals(steps, 3);
});

test("scriptedServer() calls a function with each request for its answer, and does not read the body", async () => {
  const server = scriptedServer([
    async (request) => ({ body: `${request.method} ${await request.text()}` }),
    () => new TypeError("refused"),
  ]);
  const response = await server.fetch(url, {
    method: "POST",
    body: "text",
    headers: { a: "b" },
  });
  assertEquals(await response.text(), "POST text");
  await assertRejects(
    () => server.fetch(new Request(url)),
    TypeError,
    "refused",
  );
  const [first, second] = server.requests;
  assertEquals([first?.headers.get("a"), await first?.text()], ["b", "text"]);
  assertEquals([second?.method, second?.url], ["GET", url]);
});

test("scriptedServer() sends each part of the body as a chunk when it is read", async () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const server = scriptedServer([{ body: ["é", "", bytes] }]);
  const { body } = await server.fetch(url);
  assertEquals(server.connections, 1);
  const chunks = await readAll(body!);
  assertEquals(chunks.map((chunk) => [...chunk]), [[0xc3, 0xa9], [1, 2, 3]]);
  assertEquals(server.connections, 0);
});

test("scriptedServer() breaks the connection at every requested byte", async () => {
  const body = ["ab", 0, "cd", new Uint8Array([101])];
  for (let dropAt = 0; dropAt <= 6; dropAt++) {
    const server = scriptedServer([{ body, dropAt }]);
    const response = await server.fetch(url);
    const chunks: Uint8Array[] = [];
    const error = await reasonOf(readAll(response.body!, chunks));
    assertInstanceOf(error, TypeError);
    const text = new TextDecoder().decode(
      Uint8Array.from(chunks.flatMap((chunk) => [...chunk])),
    );
    assertEquals(text, "abcde".slice(0, dropAt));
    assertEquals(server.connections, 0);
  }
});

test("scriptedServer() drops the connection at the end, or stays open until the client disconnects", async () => {
  const server = scriptedServer([{ body: "a", end: "drop" }, {
    body: "a",
    end: "hang",
  }]);
  const dropped = await server.fetch(url);
  await assertRejects(() => dropped.text(), TypeError);
  const { body } = await server.fetch(url);
  const reader = body!.getReader();
  await reader.read();
  let isOver = false;
  const pending = reader.read().then(() => isOver = true);
  await settle();
  assertEquals([isOver, server.connections], [false, 1]);
  await reader.cancel();
  await pending;
  assertEquals(server.connections, 0);
});

test("scriptedServer() waits where the script says, and stops waiting when the client disconnects", () =>
  withClock(async (clock) => {
    const server = scriptedServer([{ delay: 100, body: ["a", 50, "b", 50] }, {
      body: [1000, "a"],
    }]);
    const response = server.fetch(url);
    let chunks = 0;
    const reading = response.then(async ({ body }) => {
      const reader = body!.getReader();
      while (!(await reader.read()).done) chunks++;
    });
    const seen = [];
    for (let time = 0; time < 5; time++) {
      await clock.advance(time === 0 ? 0 : 50);
      seen.push([chunks, server.connections]);
    }
    await reading;
    assertEquals(seen, [[0, 0], [0, 0], [1, 1], [2, 1], [2, 0]]);
    const { body } = await server.fetch(url);
    const reader = body!.getReader();
    const pending = reader.read();
    await clock.advance(0);
    assertEquals(clock.timers, 1);
    await reader.cancel();
    assertEquals((await pending).done, true);
    await clock.advance(0);
    assertEquals([clock.timers, server.connections], [0, 0]);
  }));

test("scriptedServer() aborts as fetch does: before, while it waits, and in the body", () =>
  withClock(async (clock) => {
    const reason = new Error("enough");
    const server = scriptedServer([{ delay: 100 }, { body: ["a", 100] }, {
      body: "a",
      end: "hang",
    }]);
    assertStrictEquals(
      await reasonOf(server.fetch(url, { signal: AbortSignal.abort(reason) })),
      reason,
    );
    assertEquals(server.requests.length, 0);

    const early = new AbortController();
    const waiting = reasonOf(server.fetch(url, { signal: early.signal }));
    await clock.advance(50);
    early.abort(reason);
    assertStrictEquals(await waiting, reason);

    for (const reads of [2, 1]) {
      const aborter = new AbortController();
      const { body } = await server.fetch(new Request(url), {
        signal: aborter.signal,
      });
      const reader = body!.getReader();
      await reader.read();
      const pending = reads === 2 ? reasonOf(reader.read()) : undefined;
      await clock.advance(0);
      aborter.abort(reason);
      assertStrictEquals(await (pending ?? reasonOf(reader.read())), reason);
    }
    await clock.advance(0);
    assertEquals([clock.timers, server.connections], [0, 0]);
  }));

test("scriptedServer() refuses an invalid script", async () => {
  const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
    [null, TypeError],
    ["data: a\n\n", TypeError],
    [{ status: 99 }, RangeError],
    [{ status: "200" }, TypeError],
    [{ delay: -1 }, RangeError],
    [{ dropAt: 1.5 }, RangeError],
    [{ body: [NaN] }, RangeError],
  ];
  for (const [reply, error] of wrong) {
    const server = scriptedServer([reply as ScriptedReply]);
    await assertRejects(() => server.fetch(url), error, "Cannot answer: ");
  }
});
