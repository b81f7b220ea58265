import { connect, EventSource } from "../../src/client/mod.ts";
import {
  type ContractOptions,
  defineEvents,
  type UnlistedPolicy,
} from "../../src/contract.ts";
import { decode } from "../../src/decode.ts";
import { EventStreamError } from "../../src/error.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Channel } from "../../src/server/channel.ts";
import { respond } from "../../src/server/respond.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { reasonOf, settle } from "../codec/_source.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { count, pendingSchema, price } from "./_schemas.ts";

const prices = defineEvents({ tick: price });
const request = () => new Request("https://example.com/prices");
const wrong = { event: "tick", data: { price: "2" as never } } as const;

function assertRefused(error: unknown): asserts error is EventStreamError {
  assertInstanceOf(error, EventStreamError);
  assertStrictEquals(error.code, "invalid-event");
  assertEquals(error.issues?.map(({ path }) => path), [["price"]]);
}

async function bodiesOf(log: MemoryLog): Promise<string[]> {
  const { entries } = await log.read(0, { entries: 100, bytes: 1e6 });
  return entries.map(({ body }) => body);
}

test("Channel.publish() with a contract writes JSON, and refuses wrong data before it writes anything", async () => {
  const log = new MemoryLog();
  const channel = new Channel({ log, contract: prices });
  await channel.publish({ event: "tick", data: { price: 1 } });
  assertRefused(await reasonOf(channel.publish(wrong)));
  // A batch is written as a whole or not at all.
  const batch = [{ event: "tick", data: { price: 3 } }, wrong] as const;
  assertRefused(await reasonOf(channel.publish(batch)));
  await assertRejects(
    // @ts-expect-error the name is misspelled
    () => channel.publish({ event: "tikc", data: { price: 4 } }),
    TypeError,
    'event must be one of "tick": received "tikc"',
  );
  const writer = channel.writable.getWriter();
  assertRefused(await reasonOf(writer.write(wrong)));
  await channel.publish({ event: "tick", data: { price: 5 } });
  assertEquals(await bodiesOf(log), [
    'event: tick\ndata: {"price":1}\n\n',
    'event: tick\ndata: {"price":5}\n\n',
  ]);
});

test("Channel.publish() with a contract keeps the order of its calls, however long a schema takes", async () => {
  const { schema, waiting, accept, refuse } = pendingSchema();
  const log = new MemoryLog();
  const channel = new Channel({
    log,
    contract: defineEvents({ slow: schema, n: count }),
  });
  const first = channel.publish({ event: "slow", data: 1 });
  const refused = reasonOf(channel.publish({ event: "slow", data: 2 }));
  const last = channel.publish({ event: "n", data: 3 });
  await settle();
  assertEquals([waiting, await bodiesOf(log)], [[1], []]);
  accept(1);
  await settle();
  assertEquals(waiting, [2]);
  refuse(2, "No");
  const ids = await Promise.all([first, last]);
  assertInstanceOf(await refused, EventStreamError);
  assertEquals(ids.map((id) => id.split("-")[1]), ["1", "2"]);
  assertEquals((await bodiesOf(log)).map((body) => body.split("\n")[0]), [
    "event: slow",
    "event: n",
  ]);
});

test("Channel.subscribe() with a contract yields the schema's output, and fails at invalid data from another process", async () => {
  const log = new MemoryLog();
  const channel = new Channel({ log, contract: prices, from: "earliest" });
  const foreign = new Channel({ log });
  await channel.publish({ event: "tick", data: { price: 1 } });
  await foreign.publish({ event: "news", data: "It works" });
  await foreign.publish({ event: "tick", data: '{"price":"2"}' });
  const seen: unknown[] = [];
  const error = await reasonOf((async () => {
    for await (const { event, data } of channel.subscribe()) {
      seen.push([event, data]);
    }
  })());
  assertRefused(error);
  assertStrictEquals(error.event?.data, '{"price":"2"}');
  assertEquals(seen, [["tick", { price: 1 }], ["news", "It works"]]);
  // Clients receive the published data, not the schema's output.
  await channel.close();
  const response = await channel.respond(request());
  const events = [];
  for await (const event of decode(response)) events.push(event.data);
  assertEquals(events, ['{"price":1}', "It works", '{"price":"2"}']);
  assertEquals(channel.stats.subscribers, 0);
});

test("respond() sends nothing of an event that a contract refuses, and calls `onError`", async () => {
  const errors: unknown[] = [];
  const reasons: string[] = [];
  async function* events(): AsyncGenerator<ServerSentEventInit> {
    yield prices.encode({ event: "tick", data: { price: 1 }, id: 1 });
    yield prices.encode({ comment: "passes as it is" });
    yield prices.encode(wrong);
    yield prices.encode({ event: "tick", data: { price: 3 } });
  }
  const response = respond(request(), events, {
    onError: (error) => errors.push(error),
    onClose: (reason) => reasons.push(reason),
  });
  const seen: unknown[] = [];
  const options = { contract: prices };
  for await (const { data } of decode(response, options)) seen.push(data);
  assertEquals(seen, [{ price: 1 }]);
  assertEquals([errors.length, reasons], [1, ["failed"]]);
  assertRefused(errors[0]);
});

const BODY = [
  'event: tick\nid: 1\ndata: {"price":1}\n\n',
  "event: news\nid: 2\ndata: It works\n\n",
  'event: tick\nid: 3\ndata: {"price":"2"}\n\n',
  "event: end\nid: 4\ndata: \n\n",
].join("");

/** What both client APIs yield with a contract, how they end, and the issues of the events they skip. */
async function receive(
  options: ContractOptions<UnlistedPolicy>,
): Promise<[connected: unknown[], listened: unknown[], skipped: number]> {
  let skipped = 0;
  const contract = defineEvents(
    { tick: price },
    options.onInvalid ? { ...options, onInvalid: () => skipped++ } : options,
  );
  const server = () => scriptedServer([{ body: BODY }, { status: 204 }]).fetch;
  const retry = { delay: 1, minDelay: 1 };
  const connected: unknown[] = [];
  try {
    const events = connect("https://example.com/", {
      contract,
      until: ({ event }: ServerSentEvent) => event === "end",
      fetch: server(),
      retry,
    });
    for await (const { data } of events) {
      if (data !== "") connected.push(data);
    }
  } catch (error) {
    connected.push((error as EventStreamError).code);
  }
  const listened: unknown[] = [];
  const source = new EventSource("https://example.com/", {
    contract: contract as never,
    fetch: server(),
    retry,
  });
  for (const name of ["tick", "news"]) {
    source.addEventListener(name, ({ data }) => listened.push(data));
  }
  await new Promise<void>((resolve) => {
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      const { error } = event;
      if (source.readyState !== EventSource.CLOSED) return;
      const { code } = error as EventStreamError;
      if (code === "invalid-event") listened.push(code);
      resolve();
    };
  });
  return [connected, listened, skipped];
}

const rows: [options: ContractOptions<UnlistedPolicy>, events: unknown[]][] = [
  [{}, [{ price: 1 }, "It works", "invalid-event"]],
  [{ unlisted: "skip" }, [{ price: 1 }, "invalid-event"]],
  [{ unlisted: "error" }, [{ price: 1 }, "invalid-event"]],
  [{ onInvalid: () => {} }, [{ price: 1 }, "It works"]],
  [{ unlisted: "skip", onInvalid: () => {} }, [{ price: 1 }]],
  [{ unlisted: "error", onInvalid: () => {} }, [{ price: 1 }]],
];
for (const [options, events] of rows) {
  const { unlisted = "text", onInvalid } = options;
  const what = onInvalid ? "skip" : "fail at";
  test(`connect() and EventSource with a contract ${what} invalid events, and treat unlisted ones as ${unlisted}`, async () => {
    const [connected, listened, skipped] = await receive(options);
    assertEquals(connected, events);
    assertEquals(listened, events);
    assert(onInvalid ? skipped > 0 : skipped === 0);
  });
}
