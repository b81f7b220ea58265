import { connect } from "../../src/client/mod.ts";
import { defineEvents } from "../../src/contract.ts";
import { decode } from "../../src/decode.ts";
import type { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { resumable, subscribeTo } from "../../src/server/resumable.ts";
import type { ResumableOptions } from "../../src/server/resumable_options.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { reportedDuring, ReportedError } from "../_reported.ts";
import { test } from "../_test.ts";
import {
  readAll,
  reasonOf,
  settle,
  unhandledDuring,
} from "../codec/_source.ts";
import { price } from "../contract/_schemas.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Client, eventsOf, requestOf } from "./_client.ts";
import { away, entriesOf, summaryOf, TestLog } from "./_log.ts";
import { door, readDatas, readEvents, readText } from "./_resumable.ts";

async function* words(): AsyncGenerator<ServerSentEventInit> {
  for (const data of ["to", "be"]) {
    await null;
    yield { data };
  }
}

// deno-lint-ignore require-yield -- it fails before its first event
async function* failing(): AsyncGenerator<ServerSentEventInit> {
  await null;
  throw new Error("secret");
}

/** A producer that yields one event and then waits for its signal. */
async function* waiting(
  signal: AbortSignal,
): AsyncGenerator<ServerSentEventInit> {
  yield { data: "first" };
  await new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

test("respond() of a resumable stream ends one response when its signal aborts, and the stream continues", async () => {
  const answer = resumable(new MemoryLog(), waiting, { keepAlive: false });
  const controller = new AbortController();
  const { signal } = controller;
  const headers = { "x-own": "1" };
  const response = await answer.respond(requestOf(), { signal, headers });
  assertEquals(response.headers.get("x-own"), "1");
  const ended = new Client(response);
  const other = new Client(await answer.respond(requestOf()));
  await ended.until("data: first\n\n");
  await other.until("data: first\n\n");
  controller.abort();
  await ended.rest();
  assertFalse(other.ended);
  await answer.abort();
  await other.rest();
  assertEquals(await answer.done, "aborted");
});

test("respond() of a resumable stream starts no producer for a request that gets no events, or invalid options", async () => {
  let starts = 0;
  const answer = resumable(new MemoryLog(), () => {
    starts++;
    return words();
  });
  const statuses: number[] = [];
  for (const method of ["HEAD", "OPTIONS", "PUT"]) {
    const response = await answer.respond(requestOf({}, { method }));
    statuses.push(response.status);
    await response.body?.cancel();
  }
  assertEquals(statuses, [200, 204, 405]);
  for (
    const [options, message] of [
      [{ from: "latest" }, 'unknown option "from"'],
      [{ signal: {} }, "signal must be an AbortSignal"],
    ] as const
  ) {
    await assertRejects(
      () => answer.respond(requestOf(), options as object),
      TypeError,
      `Cannot respond: ${message}`,
    );
  }
  await settle();
  assertEquals(starts, 0);
});

test("respond() of a resumable stream starts the producer with the first request, and follows it from the start", async () => {
  const log = new MemoryLog();
  let calls = 0;
  const answer = resumable(log, () => (calls++, words()), { retry: 1000 });
  await settle();
  assertEquals([calls, await summaryOf(log)], [0, ""]);
  const response = await answer.respond(requestOf());
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const text = await response.text();
  const [epoch] = eventsOf(text)[0]!.id.split("-");
  assertEquals(
    text.replace(/retry: \d+/, "retry: R").replaceAll(epoch!, "E"),
    "retry: R\n\nid: E-0\n\nid: E-2\ndata: to\n\nid: E-3\ndata: be\n\nid: E-4\n\n",
  );
  assertEquals([calls, await summaryOf(log)], [1, "begin to be end"]);
});

test("respond() of a resumable stream starts no producer for a refused request", async () => {
  const log = new MemoryLog();
  const answer = resumable(log, words);
  const head = await answer.respond(requestOf({}, { method: "HEAD" }));
  assertEquals([head.status, head.body], [200, null]);
  const refused = await answer.respond(requestOf({ accept: "text/html" }));
  assertEquals(refused.status, 406);
  await assertRejects(
    () => answer.respond({} as Request),
    TypeError,
    "request must be a Request",
  );
  assertEquals(await summaryOf(log), "");
});

test("respond() of a resumable stream sends every reader all events, whenever and in whichever process it reads", async () => {
  const log = new MemoryLog();
  const middle = door();
  const here = resumable(log, async function* () {
    yield { data: "to" };
    await middle.opened;
    yield { data: "be" };
  });
  const there = resumable(log, () => {
    throw new Error("A second producer");
  });
  const first = new Client(await here.respond(requestOf()));
  await first.until("data: to");
  const late = [readDatas(here), readDatas(there)];
  await settle();
  middle.open();
  assertEquals(await Promise.all([...late, readDatas(there)]), [
    ["to", "be"],
    ["to", "be"],
    ["to", "be"],
  ]);
  assertEquals(eventsOf(await first.rest()).map(({ data }) => data), ["be"]);
  assertEquals(await readDatas(here), ["to", "be"]);
  assertEquals(await readDatas(there), ["to", "be"]);
  assertEquals(await Promise.all([here.done, there.done]), [
    "ended",
    "ended",
  ]);
});

test("respond() of a resumable stream starts one producer for two simultaneous first requests, 1,000 times", async () => {
  async function attempt(): Promise<void> {
    const log = new MemoryLog();
    let calls = 0;
    const produce = () => (calls++, words());
    const here = resumable(log, produce);
    const there = resumable(log, produce);
    const read = await Promise.all([here, here, there].map(readDatas));
    assertEquals(read, [["to", "be"], ["to", "be"], ["to", "be"]]);
    assertEquals(calls, 1);
    assertEquals(await summaryOf(log), "begin to be end");
  }
  for (let i = 0; i < 1000; i += 100) {
    await Promise.all(Array.from({ length: 100 }, attempt));
  }
});

test("respond() of a resumable stream answers 204 to a client that has every event of an ended stream", async () => {
  const answer = resumable(new MemoryLog(), words);
  const text = await readText(answer);
  // The ID of the last event, and the ID of the end.
  const ids = [...text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id!);
  for (const id of ids.slice(-2)) {
    const response = await answer.respond(requestOf({ "last-event-id": id }));
    assertEquals([response.status, response.body], [204, null]);
  }
  const [, , id] = ids.reverse();
  assertEquals((await readEvents(answer, id)).map(({ data }) => data), ["be"]);
});

test("respond() of a resumable stream passes the response options on", async () => {
  const answer = resumable(new MemoryLog(), waiting, {
    headers: { "x-mine": "yes" },
    retry: 5,
    keepAlive: 4,
  });
  const response = await answer.respond(requestOf());
  assertEquals(response.headers.get("x-mine"), "yes");
  const client = new Client(response);
  const text = await client.until("data: first");
  const [, retry] = /^retry: (\d+)\n/.exec(text)!;
  assert(Number(retry) >= 5 && Number(retry) <= 10);
  await client.until(":\n\n");
  await answer.abort();
  await client.rest();
});

test("respond() of a resumable stream rejects when the log cannot be read, and starts no producer", async () => {
  const log = new TestLog();
  log.onRead = () => Promise.reject(away);
  const answer = resumable(log, words);
  const [here, there] = await Promise.allSettled([
    answer.respond(requestOf()),
    answer.respond(requestOf()),
  ]);
  assertEquals([here, there], [{ status: "rejected", reason: away }, {
    status: "rejected",
    reason: away,
  }]);
  log.onRead = (read) => read();
  assertEquals(await summaryOf(log), "");
  assertEquals(await readDatas(answer), ["to", "be"]);
});

test("start() starts the producer once, and respond() follows it", async () => {
  const log = new MemoryLog();
  let calls = 0;
  const kept: Promise<unknown>[] = [];
  const waitUntil = (promise: Promise<unknown>) => void kept.push(promise);
  const here = resumable(log, () => (calls++, words()), { waitUntil });
  const there = resumable(log, () => (calls++, words()), { waitUntil });
  await Promise.all([here.start(), there.start(), here.start()]);
  assertEquals([calls, kept.length], [1, 1]);
  await Promise.all(kept);
  assertEquals(await summaryOf(log), "begin to be end");
  assertEquals(await readDatas(there), ["to", "be"]);
  await here.start();
  await there.start();
  assertEquals([calls, await summaryOf(log)], [1, "begin to be end"]);
});

test("start() together with the first request starts one producer, and none after abort()", async () => {
  const log = new MemoryLog();
  let calls = 0;
  const answer = resumable(log, () => (calls++, words()));
  const [, datas] = await Promise.all([answer.start(), readDatas(answer)]);
  assertEquals([calls, datas], [1, ["to", "be"]]);
  const stopped = resumable(new MemoryLog(), () => (calls++, words()));
  await stopped.abort();
  await stopped.start();
  assertEquals([calls, await stopped.done], [1, "aborted"]);
});

test("start() rejects when the log is unavailable, and can be retried", async () => {
  const log = new TestLog();
  log.isAway = true;
  const answer = resumable(log, words, { lease: 100 });
  assertStrictEquals(await reasonOf(answer.start()), away);
  log.isAway = false;
  await answer.start();
  assertEquals(await answer.done, "ended");
});

test("resumable() continues producing after its readers disconnect, and lets them resume", async () => {
  const middle = door();
  let signal: AbortSignal | undefined;
  const answer = resumable(new MemoryLog(), async function* (own) {
    signal = own;
    yield { data: "to" };
    await middle.opened;
    yield { data: "be" };
  });
  const client = new Client(await answer.respond(requestOf()));
  const { id } = eventsOf(await client.until("data: to"))[0]!;
  await client.leave();
  await settle();
  assertFalse(signal!.aborted);
  middle.open();
  assertEquals(await answer.done, "ended");
  assertEquals((await readEvents(answer, id)).map(({ data }) => data), ["be"]);
  assertEquals(await readDatas(answer), ["to", "be"]);
});

test("resumable() replaces the IDs of its events by the log's, and keeps their other fields", async () => {
  const answer = resumable(new MemoryLog(), async function* () {
    yield {
      id: "own",
      event: "tick",
      data: " two\nlines",
      retry: 7,
      comment: "note",
    };
    yield { event: "message", data: "" };
  });
  const text = (await readText(answer)).replaceAll(/id: \w+-/g, "id: E-");
  assert(text.endsWith(
    "id: E-2\n: note\nevent: tick\nretry: 7\ndata:  two\ndata: lines\n\nid: E-3\ndata: \n\nid: E-4\n\n",
  ));
});

test("resumable() accepts events from connect(), and fails when they end before the end marker", async () => {
  const body = 'data: {"delta":"Hé 😀"}\n\n';
  const server = scriptedServer([{ body: [body, "data: [DONE]\n\n"] }, {
    body,
  }]);
  const ask = () =>
    resumable(
      new MemoryLog(),
      (signal) =>
        connect("https://model.example/chat", {
          method: "POST",
          body: '{"stream":true}',
          until: "[DONE]",
          fetch: server.fetch,
          retry: { maxAttempts: 1 },
          signal,
        }),
    );
  const [whole, half] = [ask(), ask()];
  assertEquals(await readDatas(whole), ['{"delta":"Hé 😀"}']);
  assertEquals(await whole.done, "ended");
  assertEquals(await server.requests[0]!.text(), '{"stream":true}');
  const events = await readEvents(half);
  assertEquals(events.map(({ event, data }) => [event, data]), [
    ["message", '{"delta":"Hé 😀"}'],
    ["failed", "The stream failed before its end."],
  ]);
  assertEquals([await half.done, server.connections], ["failed", 0]);
});

test("resumable() accepts events from decode()", async () => {
  const answer = resumable(
    new MemoryLog(),
    () =>
      decode(new Blob(["id: 7\ndata: a\n\nevent: b\ndata: c\n\n"]).stream()),
  );
  assertEquals(
    (await readEvents(answer)).map(({ event, data }) => [event, data]),
    [["message", "a"], ["b", "c"]],
  );
});

test("resumable() encodes events by a contract, and fails when the contract rejects one", async () => {
  const prices = defineEvents({ tick: price });
  const errors: unknown[] = [];
  const answer = resumable(new MemoryLog(), async function* () {
    yield prices.encode({ event: "tick", data: { price: 1 } });
    yield prices.encode({ event: "tick", data: { price: "2" as never } });
    yield prices.encode({ event: "tick", data: { price: 3 } });
  }, { onError: (error) => errors.push(error), failureEvent: false });
  const response = await answer.respond(requestOf());
  const received = [];
  for await (const event of decode(response, { contract: prices })) {
    received.push(event);
  }
  assertEquals(received.map(({ event, data }) => [event, data]), [["tick", {
    price: 1,
  }]]);
  const [error] = errors as [EventStreamError];
  assertEquals([errors.length, error.code], [1, "invalid-event"]);
  assertEquals(await answer.done, "failed");
});

for (
  const [name, events] of [["before its first event", []], [
    "after some events",
    [
      "to",
      "be",
    ],
  ]] as const
) {
  test(`resumable() reports that a producer threw ${name}, without the error's text`, async () => {
    const log = new MemoryLog();
    const errors: unknown[] = [];
    const thrown = new Error("secret");
    const answer = resumable(log, async function* () {
      for (const data of events) yield { data };
      throw thrown;
    }, { onError: (error) => errors.push(error) });
    const text = await readText(answer);
    assertFalse(text.includes("secret"));
    assertEquals(eventsOf(text).map(({ event, data }) => [event, data]), [
      ...events.map((data) => ["message", data]),
      ["failed", "The stream failed before its end."],
    ]);
    assertEquals(errors, [thrown]);
    assertEquals(await answer.done, "failed");
    assertEquals((await entriesOf(log)).at(-1)!.kind, "failed");
    assertFalse(JSON.stringify(await entriesOf(log)).includes("secret"));
    // A later reader receives the same.
    assertEquals(eventsOf(await readText(answer)), eventsOf(text));
  });
}

test("resumable() fails when `produce` throws, returns a value that is not iterable, or yields an invalid event", async () => {
  let returned = 0;
  const wrong: [produce: (signal: AbortSignal) => unknown, message: RegExp][] =
    [
      [() => {
        throw new RangeError("own");
      }, /^own$/],
      [() => 7, /./],
      [() => undefined, /./],
      [async function* () {
        try {
          yield { data: "fine" };
          yield { data: 7 };
        } finally {
          returned++;
        }
      }, /^Cannot encode event: data must be a string: received 7: pass JSON/],
    ];
  for (const [produce, message] of wrong) {
    const errors: Error[] = [];
    const answer = resumable(new MemoryLog(), produce as never, {
      onError: (error) => errors.push(error as Error),
    });
    assertEquals((await readEvents(answer)).at(-1)!.event, "failed");
    assertEquals(errors.map(({ message: text }) => message.test(text)), [true]);
    assertEquals(await answer.done, "failed");
  }
  assertEquals(returned, 1);
});

test("resumable() sends `failureEvent` when its producer fails", async () => {
  const breaking = async function* (): AsyncGenerator<ServerSentEventInit> {
    yield { data: "a" };
    throw new Error("secret");
  };
  const tell = async (
    failureEvent: ResumableOptions["failureEvent"],
  ): Promise<string[][]> => {
    const answer = resumable(new MemoryLog(), breaking, { failureEvent });
    const events = await readEvents(answer);
    assertEquals(await answer.done, "failed");
    return events.slice(1).map(({ event, data }) => [event, data]);
  };
  assertEquals(await tell({ event: "sorry", data: "1" }), [["sorry", "1"]]);
  assertEquals(await tell((error) => ({ data: String(error) })), [[
    "message",
    "Error: secret",
  ]]);
  assertEquals(await tell(false), []);
});

test("resumable() sends the default failure event when `failureEvent` throws or returns an invalid event, and reports the error", async () => {
  const wrong = [() => {
    throw new Error("own");
  }, () => ({ data: 7 })];
  for (const failureEvent of wrong) {
    const errors: unknown[] = [];
    const answer = resumable(new MemoryLog(), failing, {
      failureEvent: failureEvent as never,
      onError: (error) => errors.push(error),
    });
    assertEquals((await readEvents(answer)).map(({ event }) => event), [
      "failed",
    ]);
    assertEquals(errors.length, 2);
    assertEquals(await answer.done, "failed");
  }
});

test("resumable() ends even when the log rejects the failure event", async () => {
  const log = new MemoryLog({ maxBytes: 1000 });
  const errors: unknown[] = [];
  const answer = resumable(log, async function* () {
    yield { data: "a" };
    throw new Error("own");
  }, {
    failureEvent: { data: "x".repeat(1000) },
    onError: (error) => errors.push(error),
  });
  assertEquals(await readDatas(answer), ["a"]);
  assertEquals([await answer.done, await summaryOf(log)], [
    "failed",
    "begin a failed",
  ]);
  assertEquals(errors.map((error) => (error as Error).name), [
    "Error",
    "RangeError",
  ]);
});

test("resumable() reports errors only to `onError`, and reports an error of `onError` as uncaught", async () => {
  const own = new ReportedError("own");
  const reasons = await unhandledDuring(async () => {
    const thrown = await reportedDuring(async () => {
      const answer = resumable(new MemoryLog(), failing, {
        onError: () => {
          throw own;
        },
      });
      assertEquals((await readEvents(answer)).length, 1);
      await resumable(new MemoryLog(), failing).respond(requestOf()).then((
        response,
      ) => response.text());
    });
    assertEquals(thrown, [own]);
  });
  assertEquals(reasons, []);
});

test("abort() stops the producer for good, in whichever process it runs", async () => {
  for (const isElsewhere of [false, true]) {
    const log = new MemoryLog();
    let signal: AbortSignal | undefined;
    let returned = false;
    const errors: unknown[] = [];
    const here = resumable(log, async function* (own) {
      signal = own;
      try {
        yield* waiting(own);
      } finally {
        returned = true;
      }
    }, { onError: (error) => errors.push(error) });
    const there = resumable(log, words);
    const clients = [
      new Client(await here.respond(requestOf())),
      new Client(await there.respond(requestOf())),
    ];
    for (const client of clients) await client.until("data: first");
    await (isElsewhere ? there : here).abort("enough");
    for (const client of clients) {
      assertEquals(eventsOf(await client.rest()), []);
    }
    assertEquals(await Promise.all([here.done, there.done]), [
      "aborted",
      "aborted",
    ]);
    await settle();
    assert(signal!.aborted && returned);
    assertEquals((signal!.reason as Error).name, "AbortError");
    assertEquals(errors, []);
    assertEquals(await summaryOf(log), "begin first aborted");
    assertEquals((await entriesOf(log)).at(-1)!.body, "enough");
    assertEquals(await readDatas(there), ["first"]);
  }
});

test("abort() sends `abortEvent` to followers before the end", async () => {
  const log = new MemoryLog();
  const abortEvent = { event: "stopped", data: "enough" };
  const here = resumable(log, waiting, { abortEvent });
  const there = resumable(log, words, { abortEvent });
  const client = new Client(await here.respond(requestOf()));
  await client.until("data: first");
  await there.abort("a note");
  const [event, ...rest] = eventsOf(await client.rest());
  assertEquals([event!.event, event!.data, rest], ["stopped", "enough", []]);
  assertEquals(await summaryOf(log), "begin first enough aborted");
  assertEquals((await entriesOf(log)).at(-1)!.body, "a note");
  assertEquals([await here.done, await there.done], ["aborted", "aborted"]);
  // Once, and not when there was nothing to stop.
  await here.abort();
  const complete = resumable(new MemoryLog(), words, { abortEvent });
  assertEquals(await readDatas(complete), ["to", "be"]);
  await complete.abort();
  assertEquals(await readDatas(complete), ["to", "be"]);
  assertEquals(await readDatas(there), ["first", "enough"]);
});

test("abort() stops the stream even when the log rejects `abortEvent`", async () => {
  const log = new MemoryLog({ maxBytes: 1000 });
  const errors: unknown[] = [];
  const answer = resumable(log, waiting, {
    abortEvent: { data: "x".repeat(1000) },
    onError: (error) => errors.push(error),
  });
  const client = new Client(await answer.respond(requestOf()));
  await client.until("data: first");
  await answer.abort("a note");
  assertEquals(eventsOf(await client.rest()), []);
  assertEquals(await summaryOf(log), "begin first aborted");
  assertEquals((await entriesOf(log)).at(-1)!.body, "a note");
  assertEquals(errors.map((error) => (error as Error).name), ["RangeError"]);
});

test("abort() of a stream that has not started prevents it from starting", async () => {
  const log = new MemoryLog();
  let calls = 0;
  const answer = resumable(log, () => (calls++, words()));
  await answer.abort();
  assertEquals((await answer.respond(requestOf())).status, 204);
  assertEquals([calls, await answer.done, await summaryOf(log)], [
    0,
    "aborted",
    "aborted",
  ]);
});

test("abort() together with the first request either stops the stream or prevents it from starting", async () => {
  for (let i = 0; i < 100; i++) {
    const log = new TestLog();
    log.onRead = async (read) => {
      const page = await read();
      for (let turn = 0; turn < i % 5; turn++) await null;
      return page;
    };
    let signal: AbortSignal | undefined;
    const answer = resumable(log, (own) => waiting(signal = own));
    const text = readText(answer);
    for (let turn = 0; turn < i % 7; turn++) await null;
    await answer.abort();
    await text;
    await settle();
    assertEquals(await answer.done, "aborted");
    assert(
      ["aborted", "begin aborted", "begin first aborted"].includes(
        await summaryOf(log),
      ),
    );
    assert(signal?.aborted ?? true);
  }
});

test("abort() does nothing when the stream has ended", async () => {
  const log = new MemoryLog();
  const answer = resumable(log, words, { ttl: 1_000_000 });
  await readText(answer);
  await answer.abort();
  assertEquals([await answer.done, await summaryOf(log)], [
    "ended",
    "begin to be end",
  ]);
});

test("abort() does not wait for a producer with a pending read", async () => {
  const log = new MemoryLog();
  const kept: Promise<unknown>[] = [];
  const answer = resumable(log, () => ({
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  }), { waitUntil: (promise) => kept.push(promise) });
  const client = new Client(await answer.respond(requestOf()));
  await answer.abort();
  await client.rest();
  await Promise.all(kept);
  assertEquals([kept.length, await answer.done], [1, "aborted"]);
});

test("abort() returns a waiting iterator once, and reports the error of its return()", async () => {
  const log = new MemoryLog();
  const errors: unknown[] = [];
  const own = new ReportedError("own");
  let returns = 0;
  const answer = resumable(log, () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: () => {
        returns++;
        return Promise.reject(own);
      },
    }),
  }), { onError: (error) => errors.push(error) });
  const client = new Client(await answer.respond(requestOf()));
  await answer.abort();
  await client.rest();
  await settle();
  assertEquals([returns, errors], [1, [own]]);
});

test("abort() rejects when the log is unavailable, and when the reason is not a string", async () => {
  const log = new TestLog();
  log.onAppend = () => Promise.reject(away);
  const answer = resumable(log, words);
  const reason = await assertRejects(() => answer.abort());
  assertStrictEquals(reason, away);
  await assertRejects(
    () => answer.abort(7 as never),
    TypeError,
    "Cannot abort: reason must be a string: received 7",
  );
});

test("resumable() does not call return() on an iterator that has ended", async () => {
  let returns = 0;
  const source = (end: () => IteratorResult<ServerSentEventInit>) => ({
    [Symbol.asyncIterator]: () => ({
      // deno-lint-ignore require-await -- a promise, also of what it throws
      next: async () => end(),
      return: () => {
        returns++;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  });
  await readText(
    resumable(
      new MemoryLog(),
      () => source(() => ({ done: true, value: undefined })),
    ),
  );
  await readText(resumable(new MemoryLog(), () =>
    source(() => {
      throw new Error("own");
    })));
  await settle();
  assertEquals(returns, 0);
});

test("resumable() aborts its signal when it has ended, so that the source stops all its work", async () => {
  let signal: AbortSignal | undefined;
  const answer = resumable(new MemoryLog(), (own) => (signal = own, words()));
  await readText(answer);
  await answer.done;
  await settle();
  assert(signal!.aborted);
});

test("resumable() reads no more than 64 events ahead of its log", async () => {
  const log = new TestLog();
  const append = door();
  let given = 0;
  const answer = resumable(log, async function* () {
    for (; given < 1000; given++) yield { data: String(given) };
  });
  log.onAppend = async (next) => {
    if (given > 0) await append.opened;
    return await next();
  };
  const text = readText(answer);
  await settle();
  assert(given > 1 && given <= 66, String(given));
  append.open();
  assertEquals(eventsOf(await text).length, 1000);
});

test("resumable() reads no more long events ahead of its log than one append can hold", async () => {
  const log = new TestLog();
  const append = door();
  let given = 0;
  const data = "字".repeat(60_000);
  const sizes: number[] = [];
  const answer = resumable(log, async function* () {
    for (; given < 20; given++) yield { data };
  });
  log.onAppend = async (next, entries) => {
    sizes.push(entries.reduce((sum, { body }) => sum + body.length, 0));
    if (given > 0) await append.opened;
    return await next();
  };
  const text = readText(answer);
  await settle();
  assert(given <= 5, String(given));
  append.open();
  assertEquals(eventsOf(await text).length, 20);
  assert(Math.max(...sizes) <= 128 * 1024, String(sizes));
});

test("resumable() appends fewer events at once to a small log, and a late reader receives a gap", async () => {
  const log = new MemoryLog({ maxEvents: 10 });
  const answer = resumable(log, async function* () {
    for (let i = 0; i < 100; i++) yield { data: String(i) };
  });
  await (await answer.respond(requestOf())).body!.cancel();
  assertEquals(await answer.done, "ended");
  const [gap, ...events] = await readEvents(answer);
  assertEquals(gap!.event, "gap");
  const { reason, first, last } = JSON.parse(gap!.data);
  assertEquals([reason, first, last], ["trimmed", 93, 102]);
  assertEquals(events.map(({ data }) => data), [
    "91",
    "92",
    "93",
    "94",
    "95",
    "96",
    "97",
    "98",
    "99",
  ]);
});

test("resumable() fails at an event that the log rejects, and sends nothing after it", async () => {
  const log = new MemoryLog({ maxBytes: 1000 });
  const errors: unknown[] = [];
  let returned = false;
  const answer = resumable(log, async function* () {
    try {
      yield { data: "a" };
      yield { data: "b" };
      yield { data: "x".repeat(1000) };
      yield { data: "c" };
      yield { data: "d" };
    } finally {
      returned = true;
    }
  }, { onError: (error) => errors.push(error) });
  assertEquals(
    (await readEvents(answer)).map(({ event, data }) => [event, data.length]),
    [
      ["message", 1],
      ["message", 1],
      ["failed", 33],
    ],
  );
  await settle();
  assertEquals(errors.map((error) => (error as Error).name), ["RangeError"]);
  assertEquals([await answer.done, returned], ["failed", true]);
});

test("resumable() calls `waitUntil` without a receiver, with a promise that settles when the end is durable", async () => {
  const log = new MemoryLog();
  const kept: Promise<unknown>[] = [];
  const answer = resumable(log, words, {
    waitUntil(this: unknown, promise) {
      assertEquals(this, undefined);
      kept.push(promise);
    },
  });
  const response = await answer.respond(requestOf());
  assertEquals(kept.length, 1);
  await kept[0];
  assertEquals(await summaryOf(log), "begin to be end");
  await response.body!.cancel();
  await readText(answer);
  assertEquals(kept.length, 1);
});

test("resumable() deletes the log `ttl` milliseconds after its end, however it ended, and can then start again", async () => {
  const ends: Record<
    string,
    (signal: AbortSignal) => AsyncIterable<ServerSentEventInit>
  > = {
    ended: words,
    failed: failing,
    aborted: waiting,
  };
  for (const [end, produce] of Object.entries(ends)) {
    const log = new TestLog();
    const expire = door();
    log.onExpire = async (next) => {
      await expire.opened;
      await next();
    };
    let calls = 0;
    const answer = resumable(log, (signal) => (calls++, produce(signal)), {
      ttl: 1,
    });
    const client = new Client(await answer.respond(requestOf()));
    const aborted = end === "aborted" ? answer.abort() : undefined;
    assertEquals(await answer.done, end);
    await client.rest();
    expire.open();
    await aborted;
    assertEquals(log.ttls, [1]);
    while ((await entriesOf(log)).length > 0) await settle();
    if (end !== "ended") continue;
    log.onExpire = () => Promise.resolve();
    assertEquals(await readDatas(answer), ["to", "be"]);
    assertEquals(calls, 2);
  }
});

test("respond() of a resumable stream starts it again when the log is deleted during the first read", async () => {
  // The read of the log after which it is deleted.
  for (let turn = 1; turn <= 3; turn++) {
    const log = new TestLog();
    await readText(resumable(log, words));
    let reads = 0;
    log.onRead = async (read) => {
      const page = await read();
      if (++reads === turn) log.inner = new MemoryLog();
      return page;
    };
    const answer = resumable(log, words);
    const datas = (await readEvents(answer)).filter(({ event }) =>
      event !== "gap"
    ).map(({ data }) => data);
    assertEquals(datas.slice(-2), ["to", "be"], `behind read ${turn}`);
    assertEquals(await answer.done, "ended");
  }
});

test("resumable() keeps the log without a `ttl`", async () => {
  const log = new TestLog();
  await readText(resumable(log, words));
  await settle();
  assertEquals(log.ttls, []);
});

test("`done` of a resumable stream waits for a stream that has not started, and resolves with how another process ended it", async () => {
  const log = new MemoryLog();
  const here = resumable(log, words);
  const there = resumable(log, words);
  let end: string | undefined;
  void here.done.then((value) => end = value);
  assertStrictEquals(here.done, here.done);
  await settle();
  assertEquals(end, undefined);
  await readText(there);
  await here.done;
  assertEquals([end, await there.done], ["ended", "ended"]);
});

test("resumable() rejects invalid arguments before it does anything", () => {
  const log = new MemoryLog();
  const wrong: [
    args: unknown[],
    type: typeof TypeError | typeof RangeError,
    message: string,
  ][] = [
    [
      [log],
      TypeError,
      "Cannot make resumable stream: produce must be a function: received undefined",
    ],
    [[log, 7], TypeError, "produce must be a function: received 7"],
    [[log, words, { lease: "1" }], TypeError, "lease must be a number"],
    [
      [log, words, { lease: 99 }],
      RangeError,
      "lease must be an integer from 100 to 2147483647: received 99",
    ],
    [
      [log, words, { ttl: 0 }],
      RangeError,
      "ttl must be an integer from 1 to 2147483647: received 0",
    ],
    [[log, words, { waitUntil: 7 }], TypeError, "waitUntil must be a function"],
    [[log, words, { onError: 7 }], TypeError, "onError must be a function"],
    [
      [log, words, { failureEvent: { data: 7 } }],
      TypeError,
      "data must be a string",
    ],
    [
      [log, words, { failureEvent: "sorry" }],
      TypeError,
      'failureEvent must be an event, a function or false: received "sorry"',
    ],
    [
      [log, words, { failureEvent: true }],
      TypeError,
      "failureEvent must be an event, a function or false: received true",
    ],
    [
      [log, words, { failureEvent: null }],
      TypeError,
      "failureEvent must be an event, a function or false: received null",
    ],
    [
      [log, words, { abortEvent: { data: 7 } }],
      TypeError,
      "data must be a string",
    ],
    [
      [log, words, { abortEvent: null }],
      TypeError,
      "abortEvent must be an event: received null",
    ],
    [
      [log, words, { abortEvent: "stopped" }],
      TypeError,
      'abortEvent must be an event: received "stopped"',
    ],
    [[log, words, { keepAlive: 3 }], RangeError, "keepAlive"],
    [[log, words, { retry: -1 }], RangeError, "retry"],
    [
      [undefined, words],
      TypeError,
      "Cannot make resumable stream: log must be an EventLog: received undefined",
    ],
    [
      [{}, words],
      TypeError,
      "log must be an EventLog: received an instance of Object",
    ],
  ];
  for (const [args, type, message] of wrong) {
    assertThrows(
      () => resumable(...args as Parameters<typeof resumable>),
      type,
      message,
    );
  }
});

test("`done` of a resumable stream resolves when it is read after the end, while a slow client follows", async () => {
  const stream = resumable(new MemoryLog(), words);
  const slow = await stream.respond(requestOf());
  await readText(stream);
  await settle();
  assertEquals(await stream.done, "ended");
  await slow.body!.cancel();
});

test("subscribeTo() of a resumable stream yields its events from the start to the end, and starts no producer", async () => {
  const log = new MemoryLog();
  const more = door();
  const answer = resumable(log, async function* () {
    yield { event: "word", data: "to" };
    await more.opened;
    yield { data: "be" };
  });
  const reading = readAll(subscribeTo(answer));
  const late = resumable(log, () => {
    throw new Error("A second producer");
  });
  const events: ServerSentEvent[] = [];
  const following = (async () => {
    for await (const event of subscribeTo(late)) {
      events.push(event);
      more.open();
    }
  })();
  await settle();
  assertEquals(await summaryOf(log), "");
  await answer.start();
  await following;
  const words = events.map(({ event, data }) => `${event} ${data}`);
  assertEquals(words, ["word to", "message be"]);
  assertEquals(await reading, events);
  const [, last] = events;
  assertEquals(
    await readAll(subscribeTo(late, events[0]!.id)),
    [last],
  );
});

test("subscribeTo() of a resumable stream rejects with its signal's reason, and yields gaps", async () => {
  const log = new MemoryLog();
  const answer = resumable(log, waiting);
  const leaving = new AbortController();
  const { signal } = leaving;
  const iterator = subscribeTo(answer, "", signal).values();
  await answer.start();
  assertEquals((await iterator.next()).value?.data, "first");
  const next = reasonOf(iterator.next());
  leaving.abort("left");
  assertEquals(await next, "left");
  await answer.abort();
  const unknown = subscribeTo(answer, "another-1");
  const events = await readAll(unknown);
  assertEquals(events.map(({ event }) => event), ["gap", "message"]);
});

test("subscribeTo() of a resumable stream does not restart it when its log was deleted", async () => {
  const log = new TestLog();
  const answer = resumable(log, words, { lease: 100 });
  await answer.start();
  assertEquals(await answer.done, "ended");
  log.inner = new MemoryLog();
  const leaving = new AbortController();
  const { signal } = leaving;
  const iterator = subscribeTo(answer, "", signal).values();
  const next = reasonOf(iterator.next());
  await settle();
  assertEquals(await summaryOf(log), "");
  leaving.abort("left");
  assertEquals(await next, "left");
});
