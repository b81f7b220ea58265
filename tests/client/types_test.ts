/** What the compiler accepts and refuses. The code also runs, which checks the types against the behavior. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  connect,
  EventSource,
  type ServerSentEvent,
} from "../../src/client/mod.ts";
import { defineEvents } from "../../src/contract.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { test } from "../_test.ts";
import { count, text } from "../contract/_schemas.ts";

const url = "https://example.com/";

test("new EventSource() types the data of the events it names", async () => {
  const { fetch } = scriptedServer([{
    body: "event: tick\ndata: 42\n\n",
    end: "hang",
  }]);
  const source = new EventSource<{ tick: string }>(url, { fetch });
  const data = await new Promise<string>((resolve) => {
    source.addEventListener("tick", (event) => resolve(event.data));
    source.addEventListener("tick", (event) => {
      // @ts-expect-error: its data is text
      const wrong: number = event.data;
      return wrong;
    });
  });
  source.addEventListener("open", (event: Event) => event.type);
  source.addEventListener(
    "error",
    (event) =>
      event instanceof MessageEvent
        ? event.data
        : [event.status, event.message, event.response],
  );
  source.addEventListener("other", (event: Event) => event.type);
  source.addEventListener("tick", {
    handleEvent: (event: Event) => event.type,
  });
  // @ts-expect-error: a listener takes an event
  source.addEventListener("tick", (event: number) => event);
  // @ts-expect-error: an event that the server names "error" has no message
  source.onerror = ({ message }) => message.length;
  source.addEventListener(
    "error",
    // @ts-expect-error: nor a status
    (event) => event.status,
  );
  source.onopen = ({ headers }) => headers.get("date");
  source.addEventListener("open", ({ headers }) => headers.get("date"));
  source.onmessage = ({ lastEventId }) => lastEventId;
  // @ts-expect-error: readyState cannot be set
  assertThrows(() => source.readyState = 1, TypeError);
  source.close();
  assertEquals(data, "42");
});

test("EventSource is assignable to the browser's class", () => {
  const { fetch } = scriptedServer([]);
  const source: globalThis.EventSource = new EventSource(url, { fetch });
  source.close();
  const states: 0 | 1 | 2 = source.readyState as 0 | 1 | 2;
  const closed: 2 = EventSource.CLOSED;
  assertEquals<number>(states, closed);
});

test("connect() types the events of a contract by name", async () => {
  const contract = defineEvents({ tick: count, note: text });
  const { fetch } = scriptedServer([{
    body: 'event: tick\ndata: 42\n\nevent: note\ndata: {"text":"hi"}\n\n',
  }]);
  const seen: (string | number)[] = [];
  for await (
    const event of connect(url, {
      fetch,
      contract,
      retry: { delay: 0, minDelay: 0 },
    })
  ) {
    if (event.event === "tick") seen.push(event.data);
    else if (event.event === "note") seen.push(event.data.text);
  }
  const plain: AsyncIterable<ServerSentEvent> = connect(url);
  // @ts-expect-error: without a contract data is text
  const wrong: AsyncIterable<ServerSentEvent<string, number>> = connect(url);
  assertEquals([seen, typeof plain, typeof wrong], [
    [42, "hi"],
    "object",
    "object",
  ]);
});

test("connect() types gap and failed under a contract, listed or not", async () => {
  const contract = defineEvents({ tick: count });
  const { fetch } = scriptedServer([{
    body: "event: gap\ndata: {}\n\nevent: failed\ndata: x\n\n",
  }]);
  const seen: string[] = [];
  for await (const event of connect(url, { fetch, contract })) {
    switch (event.event) {
      case "gap":
        seen.push(event.data);
        break;
      case "tick":
        seen.push(event.data.toFixed());
        break;
      default: {
        const text: string = event.data;
        seen.push(text);
      }
    }
    if (event.event === "failed") seen.push(event.data);
    // @ts-expect-error: a name that is neither listed nor the package's own
    if (event.event === "tock") seen.push("never");
  }
  assertEquals(seen, ["{}", "x", "x"]);
  const source = new EventSource(url, { fetch, contract });
  source.addEventListener("gap", ({ data }) => data.length);
  source.addEventListener("failed", ({ data }) => data.length);
  // @ts-expect-error: its data is text
  source.addEventListener("gap", ({ data }) => data.missing);
  source.close();
  const own = defineEvents({ gap: text });
  for await (const event of connect(url, { fetch, contract: own })) {
    if (event.event === "gap") seen.push(event.data.text);
  }
});

test("EventSource with a contract that lists error types the data of the server's error events", async () => {
  const contract = defineEvents({ error: text }, { unlisted: "skip" });
  const { fetch } = scriptedServer([{
    body: 'event: error\ndata: {"text":"no seats left"}\n\n',
  }]);
  const source = new EventSource(url, { fetch, contract });
  const words = await new Promise<string>((resolve) => {
    source.onerror = (event) => {
      // @ts-expect-error: its type is not narrowed yet
      event.data;
      if (event instanceof MessageEvent) resolve(event.data.text);
      // @ts-expect-error: a connection error has no data
      else resolve(event.data);
    };
    source.addEventListener("error", (event) => {
      if (!(event instanceof MessageEvent)) return event.message;
      // @ts-expect-error: the contract types its data
      event.data.words;
      return event.data.text;
    });
  });
  source.close();
  assertEquals(words, "no seats left");
  const plain = new EventSource(url, { fetch });
  plain.onerror = (event) => {
    const data: string | undefined = event instanceof MessageEvent
      ? event.data
      : undefined;
    return data;
  };
  plain.close();
});

test("connect() and new EventSource() reject wrong options at compile time", () => {
  assertEquals(
    [
      // @ts-expect-error: a stream can be sent only once
      () => connect(url, { method: "POST", body: new ReadableStream() }),
      // @ts-expect-error: statuses takes a predicate
      () => connect(url, { retry: { statuses: [500] } }),
      // @ts-expect-error: EventSource has no end marker
      () => new EventSource(url, { until: "[DONE]" }),
      // @ts-expect-error: a store has save() too
      () => connect(url, { cursor: { load: () => "" } }),
    ].length,
    4,
  );
});
