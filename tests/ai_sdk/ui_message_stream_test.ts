import {
  type ProduceParts,
  uiMessageStream,
  type UIMessageStreamOptions,
  type UIMessageStreamPart,
} from "../../src/ai_sdk/mod.ts";
import { EventStreamError } from "../../src/error.ts";
import type { EventLog } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { test } from "../_test.ts";
import { settle } from "../codec/_source.ts";
import { Client, datasOf, eventsOf, requestOf } from "../server/_client.ts";
import { away, TestLog } from "../server/_log.ts";
import { summaryOf } from "../server/_log.ts";
import { door } from "../server/_resumable.ts";
import { withClock } from "../support/clock.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";

const START = { type: "start", messageId: "m1" };
const FINISH = { type: "finish" };
const ERROR = '{"type":"error","errorText":"An error occurred."}';
const post = () => requestOf({}, { method: "POST" });

async function* whole(): AsyncGenerator<UIMessageStreamPart> {
  yield START;
  yield FINISH;
}

/** Gives its first part, and waits for the signal as a model's answer does. */
async function* running(
  signal: AbortSignal,
): AsyncGenerator<UIMessageStreamPart> {
  yield START;
  await new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

async function datas(response: Response): Promise<string[]> {
  return datasOf(await response.text());
}

/** Starts an answer that goes on, and gives its client once that has the first part. */
async function startRunning(log: EventLog): Promise<Client> {
  const answer = uiMessageStream(log, running);
  const client = new Client(await answer.respond(post()));
  assertEquals(datasOf(await client.until("m1")), [JSON.stringify(START)]);
  return client;
}

test("respond() of a UI message stream sends parts as JSON, then [DONE], with the protocol's header", async () => {
  const answer = uiMessageStream(new MemoryLog(), whole, {
    headers: { "x-chat": "1" },
  });
  const response = await answer.respond(post(), { headers: { "x-tab": "2" } });
  assertEquals(response.status, 200);
  assertEquals(
    ["content-type", "x-vercel-ai-ui-message-stream", "x-chat", "x-tab"]
      .map((name) => response.headers.get(name)),
    ["text/event-stream", "v1", "1", "2"],
  );
  const events = eventsOf(await response.text());
  assertEquals(events.map(({ event }) => event), Array(3).fill("message"));
  assertEquals(
    events.map(({ data }) => data),
    [JSON.stringify(START), JSON.stringify(FINISH), "[DONE]"],
  );
});

test("respond() of a UI message stream takes a stream, an async iterable and a promise of either", async () => {
  const stream = () =>
    new ReadableStream<UIMessageStreamPart>({
      start(controller) {
        controller.enqueue(START);
        controller.close();
      },
    });
  const sources: ProduceParts[] = [
    stream,
    () => Promise.resolve(stream()),
    async function* () {
      await null;
      yield START;
    },
  ];
  for (const produce of sources) {
    const answer = uiMessageStream(new MemoryLog(), produce);
    assertEquals(
      await datas(await answer.respond(post())),
      [JSON.stringify(START), "[DONE]"],
    );
  }
});

test("respond() of a UI message stream produces once, and sends the same answer to the same POST again", async () => {
  const log = new MemoryLog();
  let count = 0;
  const produce = () => {
    count++;
    return whole();
  };
  const first = await uiMessageStream(log, produce).respond(post());
  const second = await uiMessageStream(log, produce).respond(post());
  const parts = await datas(first);
  assertEquals(parts.length, 3);
  assertEquals(await datas(second), parts);
  assertEquals(
    await datas(await uiMessageStream(log, produce).respond(post())),
    parts,
  );
  assertEquals(count, 1);
});

test("resume() of a UI message stream sends a running answer from its start, and then live", async () => {
  const log = new MemoryLog();
  const more = door();
  const answer = uiMessageStream(log, async function* () {
    yield START;
    await more.opened;
    yield FINISH;
  });
  const first = new Client(await answer.respond(post()));
  await first.until("m1");
  await first.leave();
  const second = new Client(await uiMessageStream(log).resume(requestOf()));
  const third = new Client(await uiMessageStream(log).resume(requestOf()));
  for (const client of [second, third]) {
    assertEquals(datasOf(await client.until("m1")), [JSON.stringify(START)]);
  }
  more.open();
  for (const client of [second, third]) {
    assertEquals(
      datasOf(await client.rest()),
      [JSON.stringify(FINISH), "[DONE]"],
    );
  }
});

test("resume() of a UI message stream goes on after a Last-Event-ID", async () => {
  const log = new MemoryLog();
  const client = await startRunning(log);
  const { epoch } = await log.read(0, { entries: 1, bytes: 1 });
  const resumed = new Client(
    await uiMessageStream(log).resume(
      requestOf({ "last-event-id": `${epoch}-2` }),
    ),
  );
  await uiMessageStream(log).abort();
  const parts = ['{"type":"abort"}', "[DONE]"];
  assertEquals(datasOf(await resumed.rest()), parts);
  assertEquals(datasOf(await client.rest()), parts);
});

test("resume() of a UI message stream answers 204 when nothing runs, and starts nothing", async () => {
  const log = new MemoryLog();
  const started = () => {
    throw new Error("It was started");
  };
  const answer = uiMessageStream(log, started, { headers: { "x-chat": "1" } });
  const before = await answer.resume(requestOf(), {
    headers: { "x-tab": "2" },
  });
  assertEquals(before.status, 204);
  assertEquals(
    ["x-chat", "x-tab", "cache-control"].map((name) =>
      before.headers.get(name)
    ),
    ["1", "2", "no-store"],
  );
  assertEquals(await summaryOf(log), "");
});

test("resume() of a UI message stream answers 204 when the answer is over, however it ended", async () => {
  const failing = () => Promise.reject(new Error("secret"));
  for (const produce of [whole, failing]) {
    const log = new MemoryLog();
    await (await uiMessageStream(log, produce).respond(post())).text();
    assertEquals((await uiMessageStream(log).resume(requestOf())).status, 204);
  }
  const aborted = new MemoryLog();
  await uiMessageStream(aborted).abort();
  const { status } = await uiMessageStream(aborted).resume(requestOf());
  assertEquals(status, 204);
});

test("abort() of a UI message stream stops the producer and sends an abort part, also from another process", async () => {
  const log = new MemoryLog();
  let signal: AbortSignal | undefined;
  const answer = uiMessageStream(log, (own) => running(signal = own));
  const first = new Client(await answer.respond(post()));
  await first.until("m1");
  const second = new Client(await uiMessageStream(log).resume(requestOf()));
  await uiMessageStream(log).abort();
  const end = ['{"type":"abort"}', "[DONE]"];
  assertEquals(datasOf(await first.rest()), end);
  assertEquals(datasOf(await second.rest()), [JSON.stringify(START), ...end]);
  assert(signal!.aborted);
  await uiMessageStream(log).abort();
});

test("abort() of a UI message stream that has not begun keeps it from beginning", async () => {
  const log = new MemoryLog();
  await uiMessageStream(log).abort();
  const answer = uiMessageStream(log, () => {
    throw new Error("It was started");
  });
  assertEquals(
    await datas(await answer.respond(post())),
    ['{"type":"abort"}', "[DONE]"],
  );
});

test("uiMessageStream() reports a failure as an error part that says nothing of the error", async () => {
  const errors: unknown[] = [];
  const secret = new Error("secret");
  const answer = uiMessageStream(new MemoryLog(), async function* () {
    yield START;
    await null;
    throw secret;
  }, { onError: (error) => errors.push(error) });
  assertEquals(
    await datas(await answer.respond(post())),
    [JSON.stringify(START), ERROR, "[DONE]"],
  );
  assertEquals(errors, [secret]);
});

test("uiMessageStream() tells the user of a failure what `errorText` says", async () => {
  const failing = () => Promise.reject(new Error("busy"));
  const texts = [
    "Try again.",
    (error: unknown) => `It is ${(error as Error).message}.`,
  ];
  const sent: string[] = [];
  for (const errorText of texts) {
    const answer = uiMessageStream(new MemoryLog(), failing, { errorText });
    sent.push((await datas(await answer.respond(post())))[0]!);
  }
  assertEquals(sent.map((part) => JSON.parse(part)), [
    { type: "error", errorText: "Try again." },
    { type: "error", errorText: "It is busy." },
  ]);
});

test("uiMessageStream() sends the default text and reports the error when `errorText` throws, or returns no text", async () => {
  const wrong = [
    () => {
      throw new Error("own");
    },
    () => 1,
    () => Promise.resolve("later"),
  ];
  for (const errorText of wrong) {
    const errors: unknown[] = [];
    const answer = uiMessageStream(
      new MemoryLog(),
      () => Promise.reject(new Error("first")),
      {
        errorText: errorText as unknown as () => string,
        onError: (error) => errors.push(error),
      },
    );
    assertEquals(await datas(await answer.respond(post())), [ERROR, "[DONE]"]);
    assertEquals(errors.length, 2);
    assertEquals(String(errors[0]), "Error: first");
  }
});

test("uiMessageStream() fails an answer that is not made of parts, and says of what", async () => {
  const wrong: [unknown, string][] = [
    ["text", 'received "text"'],
    [null, "received null"],
    [{ kind: "start" }, "received an instance of Object"],
  ];
  for (const [part, received] of wrong) {
    const errors: unknown[] = [];
    const answer = uiMessageStream(new MemoryLog(), async function* () {
      await null;
      yield part as UIMessageStreamPart;
    }, { onError: (error) => errors.push(error) });
    assertEquals(await datas(await answer.respond(post())), [ERROR, "[DONE]"]);
    assertEquals(
      (errors[0] as Error).message,
      `Cannot send part: part must be an object with a type, as toUIMessageStream() returns it: ${received}`,
    );
  }
  const errors: unknown[] = [];
  const response = () => new Response("") as unknown as AsyncGenerator<never>;
  const answer = uiMessageStream(new MemoryLog(), response, {
    onError: (error) => errors.push(error),
  });
  assertEquals(await datas(await answer.respond(post())), [ERROR, "[DONE]"]);
  assertStringIncludes(
    (errors[0] as Error).message,
    "produce must be a function that returns a UI message stream: received an instance of Response",
  );
});

test("resume() of a UI message stream ends with an error part when the process that produced it has died", () =>
  withClock(async (clock) => {
    const log = new MemoryLog();
    await log.append([{ kind: "begin", body: "it" }]);
    const body = `data: ${JSON.stringify(START)}\n\n`;
    await log.append([{ kind: "event", body }]);
    const answer = uiMessageStream(log, undefined, { keepAlive: false });
    const client = new Client(await answer.resume(requestOf()));
    const rest = client.rest();
    let text: string | undefined;
    rest.then((all) => text = all);
    await clock.advance(9_000);
    assertEquals(text, undefined);
    await clock.advance(3_500);
    await settle();
    assertEquals(datasOf(text!), [JSON.stringify(START), ERROR, "[DONE]"]);
    assertEquals((await uiMessageStream(log).resume(requestOf())).status, 204);
    assertEquals(clock.timers, 0);
  }));

test("resume() of a UI message stream ends with an error part when the log no longer holds the start", async () => {
  const log = new MemoryLog({ maxEvents: 3 });
  const more = door();
  const errors: unknown[] = [];
  const answer = uiMessageStream(log, async function* () {
    yield START;
    for (let i = 0; i < 5; i++) yield { type: "text-delta", id: "1" };
    await more.opened;
  });
  const first = await answer.respond(post());
  while ((await log.read(0, { entries: 1, bytes: 1 })).last < 7) await settle();
  const late = uiMessageStream(log, undefined, {
    onError: (error) => errors.push(error),
    errorText: (error) => (error as Error).name,
  });
  assertEquals(
    await datas(await late.resume(requestOf())),
    ['{"type":"error","errorText":"Error"}', "[DONE]"],
  );
  assertStringIncludes(
    (errors[0] as Error).message,
    'Cannot send answer: the log must store all of its events: received a gap {"reason":"trimmed"',
  );
  more.open();
  await first.text();
});

test("resume() of a UI message stream ends with an error part when the log was deleted, and starts nothing", () =>
  withClock(async (clock) => {
    const log = new TestLog();
    let count = 0;
    const answer = uiMessageStream(log, (signal) => {
      count++;
      return running(signal);
    }, { lease: 1000, keepAlive: false });
    const clients = [
      new Client(await answer.respond(post())),
      new Client(await answer.resume(requestOf())),
    ];
    const started = clients.map((client) => client.until("m1"));
    await clock.advance(100);
    await Promise.all(started);
    log.inner = new MemoryLog();
    const rests = clients.map((client) => client.rest());
    await clock.advance(1500);
    for (const rest of rests) {
      assertEquals(datasOf(await rest), [ERROR, "[DONE]"]);
    }
    assertEquals(count, 1);
    assertEquals(await summaryOf(log), "");
    assertEquals(clock.timers, 0);
  }));

test("a response of a UI message stream breaks when its signal aborts, and the answer goes on", async () => {
  const log = new MemoryLog();
  const more = door();
  const answer = uiMessageStream(log, async function* () {
    yield START;
    await more.opened;
    yield FINISH;
  });
  const shutdown = new AbortController();
  const { signal } = shutdown;
  const client = new Client(await answer.respond(post(), { signal }));
  await client.until("m1");
  const reason = new Error("The server stops");
  shutdown.abort(reason);
  assertEquals(await client.rest(), "");
  assertEquals(client.failure, reason);
  const next = new Client(await uiMessageStream(log).resume(requestOf()));
  more.open();
  assertEquals(
    datasOf(await next.rest()),
    [JSON.stringify(START), JSON.stringify(FINISH), "[DONE]"],
  );
});

test("a client of a UI message stream that leaves stops nothing", async () => {
  const log = new MemoryLog();
  const answer = uiMessageStream(log, running);
  const first = new Client(await answer.respond(post()));
  const second = new Client(await uiMessageStream(log).resume(requestOf()));
  for (const client of [first, second]) {
    await client.until("m1");
    await client.leave();
  }
  assertEquals(await summaryOf(log), `begin ${JSON.stringify(START)}`);
  await answer.abort();
});

test("a client of a UI message stream that leaves while it waits for a part leaves no timer", () =>
  withClock(async (clock) => {
    const log = new MemoryLog();
    await log.append([{ kind: "begin", body: "another process" }]);
    const answer = uiMessageStream(log);
    const client = new Client(await answer.resume(requestOf()));
    assertEquals(await client.now(), ":\n\n");
    assert(clock.timers > 0);
    await client.leave();
    assertEquals(clock.timers, 0);
  }));

test("uiMessageStream() lets the log go an hour after the answer, or `ttl` after", async () => {
  for (
    const [options, ttl] of [[{}, 3_600_000], [{ ttl: 5000 }, 5000]] as const
  ) {
    const log = new TestLog();
    await (await uiMessageStream(log, whole, options).respond(post())).text();
    await settle();
    assertEquals(log.ttls, [ttl]);
  }
});

test("uiMessageStream() passes `waitUntil` a promise that settles with the producer", async () => {
  const kept: Promise<unknown>[] = [];
  const log = new MemoryLog();
  const answer = uiMessageStream(log, whole, {
    waitUntil: (promise) => kept.push(promise),
  });
  await (await answer.respond(post())).text();
  assertEquals(kept.length, 1);
  await Promise.all(kept);
});

test("respond() and resume() of a UI message stream answer OPTIONS, HEAD and other methods without the log", async () => {
  const log = new TestLog();
  log.isAway = true;
  const answer = uiMessageStream(log);
  const statuses: Record<string, number> = {};
  for (const method of ["OPTIONS", "HEAD", "PUT"]) {
    const request = requestOf({}, { method });
    statuses[method] = (await answer.respond(request)).status;
    assertEquals((await answer.resume(request)).status, statuses[method]);
  }
  assertEquals(statuses, { OPTIONS: 204, HEAD: 200, PUT: 405 });
});

test("respond(), resume() and abort() of a UI message stream reject when the log cannot be reached", async () => {
  const log = new TestLog();
  log.isAway = true;
  const answer = uiMessageStream(log, whole, { lease: 100 });
  const calls = [
    () => answer.respond(post()),
    () => answer.resume(requestOf()),
    () => answer.abort(),
  ];
  for (const call of calls) {
    const error = await assertRejects(call, EventStreamError);
    assertEquals(error, away);
  }
});

test("uiMessageStream() refuses arguments that are wrong, and names them", async () => {
  const log = new MemoryLog();
  const make = (options: unknown) => () =>
    uiMessageStream(log, whole, options as UIMessageStreamOptions);
  assertThrows(
    () => uiMessageStream(log, "text" as unknown as ProduceParts),
    TypeError,
    'Cannot make UI message stream: produce must be a function: received "text"',
  );
  assertThrows(
    () => uiMessageStream({} as EventLog),
    TypeError,
    "log must be an EventLog",
  );
  assertThrows(make({ errorText: 1 }), TypeError, "errorText must be a string");
  assertThrows(make({ ttl: 0 }), RangeError, "ttl must be an integer from 1");
  assertThrows(make({ lease: 1 }), RangeError, "lease must be an integer");
  assertThrows(
    make({ failureEvent: false }),
    TypeError,
    'unknown option "failureEvent"',
  );
  await assertRejects(
    () => uiMessageStream(log).respond(post()),
    TypeError,
    "Cannot respond: produce must be passed to uiMessageStream() by the route that starts the answer",
  );
  await assertRejects(
    () => uiMessageStream(log).resume({} as Request),
    TypeError,
    "request must be a Request",
  );
  await assertRejects(
    () => uiMessageStream(log).resume(requestOf(), { header: {} } as never),
    TypeError,
    'unknown option "header", did you mean "headers"?',
  );
});
