import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decode } from "../../src/decode.ts";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent } from "../../src/event.ts";
import type { EventStream } from "../../src/event_stream.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import type {
  ChannelOptions,
  Subscriber,
} from "../../src/server/channel_options.ts";
import { test } from "../_test.ts";
import { reasonOf, settle, unhandledDuring } from "../codec/_source.ts";
import { datasUntil, epochOf, open, publish } from "./_channel.ts";
import { Client, datasOf, requestOf } from "./_client.ts";
import { withClock } from "../support/clock.ts";
import { TestLog } from "./_log.ts";
import { reportedDuring, ReportedError } from "../_reported.ts";
import { until } from "../support/until.ts";

const quiet: ChannelOptions = { retry: 0, keepAlive: false };

async function take(
  stream: EventStream,
  count: number,
): Promise<ServerSentEvent[]> {
  const reader = stream.getReader();
  const events = [];
  while (events.length < count) events.push((await reader.read()).value!);
  await reader.cancel();
  return events;
}

// --- Requests

test("respond() of a channel handles Accept and HEAD like respond(), and counts no subscriber for them", async () => {
  const channel = new Channel({
    ...quiet,
    headers: { "x-mine": "channel", "x-more": "1" },
  });
  const refused = await channel.respond(requestOf({ accept: "text/html" }));
  assertEquals(refused.status, 406);
  await refused.text();
  const head = await channel.respond(requestOf({}, { method: "HEAD" }), {
    headers: { "x-mine": "request" },
  });
  assertEquals([head.status, head.body], [200, null]);
  assertEquals(Object.fromEntries(head.headers), {
    "cache-control": "no-cache, no-transform",
    "content-type": "text/event-stream",
    "incremental": "?1",
    "x-accel-buffering": "no",
    "x-mine": "request",
    "x-more": "1",
  });
  assertEquals(channel.stats.subscribers, 0);
});

test("respond() sends each client a random reconnection time from r to 2r", async () => {
  const channel = new Channel({ keepAlive: false, retry: 1000 });
  const times = new Set<number>();
  for (let i = 0; i < 50; i++) {
    const client = await open(channel);
    const [, time] = /^retry: (\d+)\n\n/.exec((await client.read())!)!;
    times.add(Number(time));
    await client.leave();
  }
  assert(times.size > 10);
  assert([...times].every((time) => time >= 1000 && time <= 2000));
});

const wrongOptions: [
  options: Record<string, unknown>,
  error: typeof Error,
  name: string,
][] = [
  [{ retry: -1 }, RangeError, "retry"],
  [{ retry: 2 ** 30 + 1 }, RangeError, "retry"],
  [{ keepAlive: 0 }, RangeError, "keepAlive"],
  [{ maxSubscribers: 0 }, RangeError, "maxSubscribers"],
  [{ maxSubscribers: "5" }, TypeError, "maxSubscribers"],
  [{ maxConnectionAge: 0 }, RangeError, "maxConnectionAge"],
  [{ maxConnectionAge: 2 ** 31 }, RangeError, "maxConnectionAge"],
  [{ maxOutage: 0.5 }, RangeError, "maxOutage"],
  [{ onSubscribe: {} }, TypeError, "onSubscribe"],
  [{ onUnsubscribe: 1 }, TypeError, "onUnsubscribe"],
  [{ onError: "x" }, TypeError, "onError"],
  [{ from: 5 }, TypeError, "from"],
  [{ from: "lastest" }, TypeError, "from"],
  [{ from: "-50" }, TypeError, "from"],
  [{ from: "" }, TypeError, "from"],
  [{ from: { last: 0 } }, TypeError, "from"],
  [{ from: { last: "5" } }, TypeError, "from"],
  [{ from: { last: 5, first: 1 } }, TypeError, "from"],
  [{ gap: "all" }, TypeError, "gap"],
  [{ filter: "names" }, TypeError, "filter"],
  [{ filter: [1] }, TypeError, "filter"],
  [{ contract: {} }, TypeError, "contract"],
  [{ headers: { "a b": "c" } }, TypeError, ""],
  [{ headers: "a: b" }, TypeError, "headers"],
  [{ log: {} }, TypeError, "log"],
  [{ form: "latest" }, TypeError, 'did you mean "from"?'],
];

for (const [options, error, name] of wrongOptions) {
  test(`Channel() rejects the options ${JSON.stringify(options)}`, async () => {
    assertThrows(
      () => new Channel(options as ChannelOptions),
      error,
      name,
    );
    if (!["from", "gap", "filter", "form"].some((o) => o in options)) return;
    const channel = new Channel();
    const promise = channel.respond(requestOf(), options);
    assert(await reasonOf(promise) instanceof error);
    assertThrows(() => channel.subscribe(options), error, name);
  });
}

test("Channel() rejects a log passed as its options, and says how to pass it", () => {
  const error = assertThrows(
    () => new Channel(new MemoryLog() as ChannelOptions),
    TypeError,
  );
  assertEquals(
    error.message,
    "Cannot create channel: options must be an options object: received an instance of MemoryLog: pass { log }",
  );
});

test("publish(), subscribe() and drain() reject invalid options by name, and leave no timer or listener", async () => {
  const channel = new Channel(quiet);
  const attempts: [attempt: () => unknown, message: string][] = [
    [
      () => channel.publish({ data: "" }, { idempotencykey: "1" } as object),
      'Cannot publish: unknown option "idempotencykey", did you mean "idempotencyKey"?',
    ],
    [
      () => channel.publish({ data: "" }, { idempotencyKey: 1 } as object),
      "Cannot publish: idempotencyKey must be a string: received 1",
    ],
    [
      () => channel.subscribe({ lastEventID: "1-1" } as object),
      'Cannot subscribe: unknown option "lastEventID", did you mean "lastEventId"?',
    ],
    [
      () => channel.subscribe({ signal: {} } as object),
      "Cannot subscribe: signal must be an AbortSignal: received an instance of Object",
    ],
    [
      () => channel.drain({ ower: 1 } as object),
      'Cannot drain channel: unknown option "ower", did you mean "over"?',
    ],
  ];
  for (const [attempt, message] of attempts) {
    const error = await reasonOf(Promise.resolve().then(attempt));
    assert(error instanceof TypeError);
    assertEquals(error.message, message);
  }
  assertEquals(channel.stats.subscribers, 0);
  assertEquals(channel.stats.published, 0);
});

test("respond() of a channel rejects invalid requests and headers, and counts no subscriber", async () => {
  const channel = new Channel(quiet);
  await assertRejects(
    () => channel.respond({} as Request),
    TypeError,
    "Cannot respond: request must be a Request",
  );
  await assertRejects(
    () => channel.respond(requestOf(), { headers: { "a b": "c" } }),
    TypeError,
  );
  assertEquals(channel.stats.subscribers, 0);
});

// --- Limits

test("respond() answers 503 beyond maxSubscribers, and keeps the existing subscribers connected", async () => {
  const channel = new Channel({
    keepAlive: false,
    maxSubscribers: 3,
    retry: 5000,
  });
  const responses = await Promise.all(
    Array.from({ length: 10 }, () => channel.respond(requestOf())),
  );
  const full = responses.filter(({ status }) => status === 503);
  assertEquals(full.length, 7);
  for (const response of full) {
    const seconds = Number(response.headers.get("retry-after"));
    assert(Number.isInteger(seconds) && seconds >= 5 && seconds <= 10);
    assertEquals(response.headers.get("content-type"), "text/plain");
    await response.text();
  }
  const clients = responses.filter(({ status }) => status === 200)
    .map((response) => new Client(response));
  assertEquals([clients.length, channel.stats.subscribers], [3, 3]);
  await Promise.all(clients.map((client) => client.until("id: ")));
  await publish(channel, "1");
  for (const client of clients) {
    assertEquals(datasOf(await client.until("data: 1")), ["1"]);
  }

  await clients[0]!.leave();
  const next = await open(channel);
  assertEquals((await channel.respond(requestOf())).status, 503);
  for (const client of [...clients.slice(1), next]) await client.leave();
  assertEquals(channel.stats.subscribers, 0);
});

test("respond() closes at a random 80 to 100 % of maxConnectionAge", async () => {
  await withClock(async (clock) => {
    const reasons: string[] = [];
    const channel = new Channel({
      ...quiet,
      maxConnectionAge: 10_000,
      onUnsubscribe: (_, reason) => void reasons.push(reason),
    });
    const clients = [];
    for (let i = 0; i < 30; i++) clients.push(await open(channel));
    await clock.advance(7999);
    assertEquals(channel.stats.subscribers, 30);
    await clock.advance(1000);
    const halfway = channel.stats.subscribers;
    assert(halfway > 0 && halfway < 30, `${halfway}`);
    await clock.advance(1001);
    assertEquals(channel.stats.subscribers, 0);
    assertEquals(reasons, Array(30).fill("closed"));
    for (const client of clients) {
      await client.rest();
      assertStrictEquals(client.failure, undefined);
    }
    assertEquals(clock.timers, 0);
  });
});

test("respond() clears the maxConnectionAge timer when its client disconnects", async () => {
  await withClock(async (clock) => {
    const channel = new Channel({
      ...quiet,
      maxConnectionAge: 10_000,
    });
    const client = await open(channel);
    assertEquals(clock.timers, 1);
    await client.leave();
    assertEquals(clock.timers, 0);
  });
});

// --- drain()

test("drain() closes all responses spread over the given time", async () => {
  await withClock(async (clock) => {
    const reasons: string[] = [];
    const channel = new Channel({
      ...quiet,
      maxConnectionAge: 3_600_000,
      onUnsubscribe: (_, reason) => void reasons.push(reason),
    });
    for (let i = 0; i < 30; i++) await open(channel);
    let drained = false;
    const draining = channel.drain({ over: 5000 }).then(() => drained = true);
    await clock.advance(2500);
    const { subscribers } = channel.stats;
    assert(subscribers > 0 && subscribers < 30, `${subscribers}`);
    assertFalse(drained);
    await clock.advance(2500);
    await draining;
    assertEquals(channel.stats.subscribers, 0);
    assertEquals(reasons, Array(30).fill("closed"));
    assertEquals(clock.timers, 0);
  });
});

test("drain() makes later requests end at once, with a reconnection time", async () => {
  const log = new TestLog();
  const channel = new Channel({ log, keepAlive: false, retry: 1000 });
  await publish(channel, "1");
  await channel.drain();
  const response = await channel.respond(requestOf());
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const [, time] = /^retry: (\d+)\n\n$/.exec(await response.text())!;
  assert(Number(time) >= 1000 && Number(time) <= 2000);
  const { done } = await channel.subscribe({ from: "earliest" })
    .getReader().read();
  assert(done);
  assertEquals(channel.stats.subscribers, 0);
  // Another process serves the same log.
  await publish(channel, "2");
  assertEquals((await log.entries()).length, 2);
});

test("drain() ends a response that was still starting when drain() was called", async () => {
  const log = new TestLog();
  const channel = new Channel({ log, ...quiet });
  const first = await open(channel);
  await first.until("id: ");
  await first.leave();
  log.hold();
  const coming = channel.respond(requestOf());
  await settle();
  const draining = channel.drain({ over: 0 });
  log.release();
  assertEquals(await (await coming).text(), "retry: 0\n\n");
  await draining;
  assertEquals([channel.stats.subscribers, log.watchers], [0, 0]);
});

test("drain() can be called twice, and rejects a time out of range", async () => {
  const channel = new Channel(quiet);
  const client = await open(channel);
  await Promise.all([channel.drain({ over: 5 }), channel.drain({ over: 5 })]);
  await client.rest();
  for (const over of [-1, 2 ** 31, 1.5]) {
    assertThrows(() => void channel.drain({ over }), RangeError, "over");
  }
});

test("drain() lets clients resume in another process after their last event", async () => {
  const log = new MemoryLog();
  const [here, there] = [
    new Channel({ log, ...quiet }),
    new Channel({ log, ...quiet }),
  ];
  await publish(here, "1", "2");
  const client = await open(here, "0-0");
  const text = await client.until("data: 2\n\n");
  await here.drain({ over: 0 });
  await client.rest();
  const id = text.match(/id: (.*)\ndata: 2/)![1]!;
  await publish(here, "3");
  assertEquals(await datasUntil(await open(there, id), "3"), ["3"]);
});

// --- close()

test("close() delivers what was published before, then ends, in every process", async () => {
  const log = new MemoryLog();
  const reasons: string[] = [];
  const options: ChannelOptions = {
    ...quiet,
    onUnsubscribe: (_, reason) => void reasons.push(reason),
  };
  const [here, there] = [
    new Channel({ log, ...options }),
    new Channel({ log, ...options }),
  ];
  const clients = [await open(here), await open(there)];
  for (const client of clients) await client.until("id: ");
  await publish(here, "1", "2");
  await Promise.all([publish(there, "3"), here.close()]);
  for (const client of clients) {
    assertEquals(datasOf(await client.rest()), ["1", "2", "3"]);
    assertStrictEquals(client.failure, undefined);
  }
  assertEquals(reasons, ["ended", "ended"]);
});

test("close() does not wait for slow clients, which still receive every event before the end", async () => {
  const channel = new Channel(quiet);
  const follower = await open(channel);
  await follower.until("id: ");
  const datas = Array.from(
    { length: 300 },
    (_, i) => `${i} ${"x".repeat(2000)}`,
  );
  const id = await publish(channel, ...datas);
  await channel.close();
  const late = await open(channel, id.replace("-300", "-7"));
  assertEquals(datasOf(await follower.rest()), datas);
  assertEquals(datasOf(await late.rest()), datas.slice(7));
  assertEquals(channel.stats.subscribers, 0);
});

test("close() ends with a block that moves the id past the end, so that the next request gets 204", async () => {
  const channel = new Channel(quiet);
  const id = await publish(channel, "1");
  const client = await open(channel, "0-0");
  await client.until("data: 1\n\n");
  await channel.close();
  const last = `${epochOf(id)}-2`;
  assertEquals(await client.rest(), `id: ${last}\n\n`);
  const response = await channel.respond(requestOf({ "last-event-id": last }));
  assertEquals([response.status, response.body], [204, null]);
});

const afterClose: [id: string | undefined, from: string, outcome: string][] = [
  [undefined, "latest", "204"],
  ["EPOCH-4", "earliest", "204"],
  [undefined, "EPOCH-4", "204"],
  [undefined, "earliest", "1,2,3"],
  ["EPOCH-0", "latest", "1,2,3"],
  ["EPOCH-2", "latest", "3"],
  ["EPOCH-3", "latest", "204"],
  ["0-0", "latest", "1,2,3"],
  ["other-2", "latest", "gap,1,2,3"],
  ["EPOCH-9", "latest", "gap,1,2,3"],
  ["latest", "latest", "gap,1,2,3"],
];

for (const [id, from, outcome] of afterClose) {
  test(`respond() answers with ${outcome} after close() to a request with ${id ?? "no id"} and from: ${from}`, async () => {
    const log = new MemoryLog();
    const channel = new Channel({ log, ...quiet });
    const epoch = epochOf(await publish(channel, "1", "2", "3"));
    await channel.close();
    for (const opened of [channel, new Channel({ log, ...quiet })]) {
      const headers: Record<string, string> = id === undefined
        ? {}
        : { "last-event-id": id.replace("EPOCH", epoch) };
      const response = await opened.respond(requestOf(headers), {
        from: from.replace("EPOCH", epoch),
      });
      assertEquals(opened.stats.subscribers, response.status === 204 ? 0 : 1);
      if (outcome === "204") {
        assertEquals(response.status, 204);
        continue;
      }
      const text = await response.text();
      const datas = datasOf(text).map((data) =>
        data.startsWith("{") ? "gap" : data
      );
      assertEquals(datas.join(), outcome);
      assert(text.endsWith(`id: ${epoch}-4\n\n`));
      assertEquals(opened.stats.subscribers, 0);
    }
  });
}

test("close() closes the channel once, however often and from whichever process it is called", async () => {
  const log = new TestLog();
  const channels = [new Channel({ log }), new Channel({ log })];
  await Promise.all(
    channels.flatMap((channel) => [channel.close(), channel.close()]),
  );
  assertEquals((await log.entries()).map(({ kind }) => kind), ["end"]);
});

test("respond() answers 204 to every start position after close() if no event is stored", async () => {
  const never = new Channel(quiet);
  const trimmed = new Channel({
    ...quiet,
    log: new MemoryLog({ maxEvents: 1 }),
  });
  await publish(trimmed, "1");
  const positions = ["latest", "earliest", { last: 1 }, { last: 5 }] as const;
  for (const channel of [never, trimmed]) {
    await channel.close();
    for (const from of positions) {
      const response = await channel.respond(requestOf(), { from });
      assertEquals([response.status, response.body], [204, null]);
    }
  }
  const first = requestOf({ "last-event-id": "0-0" });
  assertEquals((await never.respond(first)).status, 204);
  const behind = await trimmed.respond(first);
  assertEquals(datasOf(await behind.text()).length, 1);
});

test("close() ends a channel that has no events", async () => {
  const channel = new Channel(quiet);
  const client = await open(channel);
  await client.until("id: ");
  await channel.close();
  await client.rest();
  assertEquals((await channel.respond(requestOf())).status, 204);
});

// --- subscribe()

test("subscribe() yields the events with their IDs, and ends when the channel is closed", async () => {
  const channel = new Channel();
  const stream = channel.subscribe({ from: "earliest" });
  const id = await channel.publish([
    { event: "tick", data: "1" },
    { data: "2\n3" },
  ]);
  await channel.close();
  const events: ServerSentEvent[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    events.push(value);
  }
  assertEquals(events, [
    { event: "tick", data: "1", id: id.replace("-2", "-1") },
    { event: "message", data: "2\n3", id },
  ]);
  assertEquals(channel.stats.subscribers, 0);
});

for (const first of ["read", "append"]) {
  test(
    `subscribe() delivers an event that is published before its read of the log's end, whose answer comes ${
      first === "read" ? "before" : "after"
    } that of the append`,
    async () => {
      const log = new TestLog();
      await log.inner.append([{ kind: "event", body: "data: before\n\n" }]);
      const answers = new Map<string, () => void>();
      const answer = (name: string) =>
        new Promise<void>((resolve) => answers.set(name, resolve));
      log.onAppend = async (append) => {
        const position = await append();
        await answer("append");
        return position;
      };
      log.onRead = async (read) => {
        log.onRead = (read) => read();
        // As over another connection, which is slower.
        await until(() => answers.has("append"));
        const page = await read();
        await answer("read");
        return page;
      };
      const channel = new Channel({ log, keepAlive: false });
      const reader = channel.subscribe().getReader();
      const published = channel.publish({ data: "after" });
      await until(() => answers.size === 2);
      answers.get(first)!();
      for (let turn = 0; turn < 20; turn++) await null;
      for (const resolve of answers.values()) resolve();
      assertEquals((await reader.read()).value?.data, "after");
      await published;
      await reader.cancel();
    },
  );
}

test("subscribe() and respond() from the latest event deliver the events published after the call, however late they are read", async () => {
  const channel = new Channel(quiet);
  await publish(channel, "before");
  for (const data of ["1", "2"]) {
    const events = channel.subscribe();
    const response = await channel.respond(requestOf());
    const next = channel.subscribe();
    await publish(channel, data);
    await settle();
    for (const stream of [events, decode(response), next]) {
      const reader = stream.getReader();
      assertEquals((await reader.read()).value?.data, data);
      await reader.cancel();
    }
  }
});

test("subscribe() resumes after an ID, reports gaps and filters", async () => {
  const channel = new Channel({ log: new MemoryLog({ maxEvents: 3 }) });
  for (const data of ["1", "2", "3", "4"]) {
    await channel.publish({ event: Number(data) % 2 ? "odd" : "even", data });
  }
  const id = await channel.publish({ event: "odd", data: "5" });
  const behind = await take(
    channel.subscribe({ lastEventId: id.replace("-5", "-3") }),
    2,
  );
  assertEquals(behind.map(({ data }) => data), ["4", "5"]);
  const odd = await take(
    channel.subscribe({ lastEventId: "0-0", filter: ["odd"] }),
    3,
  );
  assertEquals(odd.map(({ event }) => event), ["gap", "odd", "odd"]);
  assertEquals(channel.stats.subscribers, 0);
});

test("subscribe() makes one read and sets no timer until it is iterated, and misses no event", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const joined: unknown[] = [];
    const channel = new Channel({
      log,
      onSubscribe: (subscriber) => void joined.push(subscriber),
    });
    await publish(channel, "before");
    const unread = channel.subscribe();
    const late = channel.subscribe();
    const all = channel.subscribe({ from: "earliest" });
    await settle();
    assertEquals([clock.timers, log.watchers, joined.length], [0, 0, 0]);
    assertEquals(log.reads.length, 2);
    await publish(channel, "after");
    assertEquals((await take(late, 1)).map(({ data }) => data), ["after"]);
    assertEquals((await take(all, 1)).map(({ data }) => data), ["before"]);
    await unread.cancel();
    assertEquals([clock.timers, log.watchers, joined.length], [0, 0, 2]);
  });
});

test("subscribe() rejects when the log cannot be read for longer than maxOutage", async () => {
  await withClock(async (clock) => {
    const log = new TestLog();
    const channel = new Channel({ log, maxOutage: 5000 });
    log.readFailure = new Error("away");
    const reading = reasonOf(channel.subscribe().getReader().read());
    await clock.advance(20_000);
    const error = await reading;
    assert(error instanceof EventStreamError);
    assertEquals(error.code, "log-unavailable");
    assertEquals([clock.timers, channel.stats.subscribers], [0, 0]);
  });
});

test("subscribe() ends when its signal aborts or has already aborted", async () => {
  const unhandled = await unhandledDuring(async () => {
    await withClock(async (clock) => {
      const log = new TestLog();
      const reasons: string[] = [];
      const channel = new Channel({
        log,
        onUnsubscribe: (_, reason) => void reasons.push(reason),
      });
      const controller = new AbortController();
      const reader = channel.subscribe({ signal: controller.signal })
        .getReader();
      const reading = reader.read();
      await settle();
      assertEquals(channel.stats.subscribers, 1);
      const reason = new Error("enough");
      controller.abort(reason);
      assertStrictEquals(await reasonOf(reading), reason);
      await settle();
      const aborted = channel.subscribe({ signal: AbortSignal.abort(reason) });
      assertStrictEquals(await reasonOf(aborted.getReader().read()), reason);
      await settle();
      // A subscription that never started is not counted as left.
      assertEquals(reasons, ["closed"]);
      assertEquals([channel.stats.subscribers, log.watchers], [0, 0]);
      assertEquals(clock.timers, 0);
    });
  });
  assertEquals(unhandled, []);
});

test("respond() enforces maxSubscribers whenever the next request arrives", async () => {
  for (let turns = 0; turns < 8; turns++) {
    const channel = new Channel({ ...quiet, maxSubscribers: 2 });
    const first = await open(channel);
    const second = channel.respond(requestOf());
    for (let turn = 0; turn < turns; turn++) await null;
    const third = await channel.respond(requestOf());
    assertEquals([third.status, channel.stats.subscribers], [503, 2]);
    await new Client(await second).leave();
    await first.leave();
  }
});

test("subscribe() does not count towards maxSubscribers, and is not closed by maxConnectionAge", async () => {
  await withClock(async (clock) => {
    const channel = new Channel({
      ...quiet,
      maxSubscribers: 1,
      maxConnectionAge: 1000,
    });
    const reader = channel.subscribe().getReader();
    const reading = reader.read();
    await clock.advance(60_000);
    await publish(channel, "1");
    await clock.advance(10);
    assertEquals((await reading).value?.data, "1");
    await reader.cancel();
    assertEquals(clock.timers, 0);
  });
});

test("subscribe() does not read the log while it is not iterated", async () => {
  const channel = new Channel();
  const stream = channel.subscribe();
  for (let i = 0; i < 10; i++) await publish(channel, "x".repeat(100_000));
  await settle();
  assertEquals(channel.stats.delivered, 0);
  await stream.cancel();
});

// --- Hooks

test("onSubscribe() and onUnsubscribe() are called once per subscriber, with the same object", async () => {
  const calls: [Subscriber, string][] = [];
  const channel = new Channel({
    ...quiet,
    onSubscribe: (subscriber) => void calls.push([subscriber, "subscribed"]),
    onUnsubscribe: (subscriber, reason) =>
      void calls.push([subscriber, reason]),
  });
  const controller = new AbortController();
  const requests = {
    gone: requestOf({ "last-event-id": "what a stranger says" }),
    aborted: requestOf(),
    before: requestOf(),
    ended: requestOf(),
  };
  const client = new Client(await channel.respond(requests.gone));
  await client.leave();
  const aborted = new Client(
    await channel.respond(requests.aborted, {
      signal: controller.signal,
    }),
  );
  controller.abort();
  await aborted.rest();
  const before = { signal: AbortSignal.abort() };
  await (await channel.respond(requests.before, before)).text();
  const ended = await channel.respond(requests.ended);
  const stream = channel.subscribe({ lastEventId: "0-0" });
  await channel.close();
  await ended.text();
  await stream.getReader().read();

  for (
    const [request, lastEventId, reason] of [
      [requests.gone, "what a stranger says", "disconnected"],
      [requests.aborted, "", "closed"],
      [requests.before, "", "closed"],
      [requests.ended, "", "ended"],
      [undefined, "0-0", "ended"],
    ] as const
  ) {
    const own = calls.filter(([subscriber]) => subscriber.request === request);
    assertEquals(own.map(([, what]) => what), ["subscribed", reason]);
    assertStrictEquals(own[0]![0], own[1]![0]);
    assertEquals(own[0]![0].lastEventId, lastEventId);
  }
  assertEquals(calls.length, 10);
});

test("onSubscribe() is not called for a refused request, OPTIONS, or a full, drained or closed channel", async () => {
  let calls = 0;
  const options: ChannelOptions = {
    ...quiet,
    maxSubscribers: 1,
    onSubscribe: () => void calls++,
    onUnsubscribe: () => void calls++,
  };
  const full = new Channel(options);
  const client = await open(full);
  calls = 0;
  await (await full.respond(requestOf())).text();
  await (await full.respond(requestOf({ accept: "text/html" }))).text();
  for (const method of ["HEAD", "OPTIONS", "DELETE"]) {
    const { body } = await full.respond(requestOf({}, { method }));
    await body?.cancel();
  }
  const closed = new Channel(options);
  await closed.close();
  assertEquals((await closed.respond(requestOf())).status, 204);
  const drained = new Channel(options);
  await drained.drain();
  await (await drained.respond(requestOf())).text();
  assertEquals(calls, 0);
  await client.leave();
});

test("onSubscribe() and onUnsubscribe() that throw do not affect any response", async () => {
  const thrown = await reportedDuring(async () => {
    const channel = new Channel({
      ...quiet,
      onSubscribe: () => {
        throw new ReportedError("from onSubscribe");
      },
      onUnsubscribe: () => {
        throw new ReportedError("from onUnsubscribe");
      },
    });
    const client = await open(channel);
    await client.until("id: ");
    await publish(channel, "1");
    assertEquals(await datasUntil(client, "1"), ["1"]);
    assertEquals(channel.stats.subscribers, 0);
    await settle();
  });
  assertEquals(
    thrown.map((error) => (error as Error).message),
    ["from onSubscribe", "from onUnsubscribe"],
  );
});

test("onSubscribe() can publish to the channel that calls it", async () => {
  const channel: Channel = new Channel({
    ...quiet,
    onSubscribe: () => void publish(channel, "joined"),
    onUnsubscribe: () => void publish(channel, "left"),
  });
  const first = await open(channel);
  const second = await open(channel);
  await first.until("joined");
  await second.leave();
  assert((await first.until("left")).includes("left"));
  await first.leave();
});
