/** The position that is stored, compared with the one that the next request sends. */
import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  type CursorStore,
  EventSource,
} from "../../src/client/mod.ts";
import { scriptedServer } from "../../src/testing/mod.ts";
import { reportedDuring, ReportedError } from "../_reported.ts";
import { test } from "../_test.ts";
import { faces } from "./_faces.ts";
import { record } from "./_record.ts";
import { quick, READ, realServer, servers } from "./_server.ts";
import { pause } from "../../tools/pause.ts";

const retry = quick;
const three = "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n";

/** A store that records every ID it receives. */
function storeOf(saved: string[]): CursorStore {
  return {
    load: () => saved.at(-1),
    save: (id) => void saved.push(id),
  };
}

for (const [name, start] of servers) {
  test(`connect() saves an ID when the next event is requested, and yields the event again after the loop failed, with ${name}`, async () => {
    const saved: string[] = [];
    const cursor = storeOf(saved);
    const server = await start([{ body: [three], end: "hang" }, {
      body: ["id: 2\ndata: b\n\nid: 3\ndata: c\n\n"],
      end: "hang",
    }]);
    const handled: string[] = [];
    const run = async (failsAt: string) => {
      const options = { ...server.options, retry, cursor };
      for await (const { data } of connect(server.url, options)) {
        if (data === failsAt) throw new Error(`cannot handle ${data}`);
        handled.push(data);
      }
    };
    await assertRejects(() => run("b"), Error, "cannot handle b");
    assertEquals([handled, saved], [["a"], ["1"]]);
    await assertRejects(() => run("c"), Error, "cannot handle c");
    assertEquals([handled, saved], [["a", "b"], ["1", "2"]]);
    const [, second] = await server.requests();
    assertEquals(second?.lastEventId, "1");
    await server.allLeft();
  });

  test(`connect() saves nothing more after break and close(), with ${name}`, async () => {
    for (const way of ["break", "close()"]) {
      const saved: string[] = [];
      const server = await start([{ body: [three], end: "hang" }]);
      const options = { ...server.options, retry, cursor: storeOf(saved) };
      const events = connect(server.url, options);
      for await (const { data } of events) {
        if (data !== "b") continue;
        if (way === "break") break;
        await events.close();
      }
      assertEquals(saved, ["1"]);
      assertEquals(events.lastEventId, "2");
    }
  });

  test(`connect() saves the ID of the end marker, with ${name}`, async () => {
    const saved: string[] = [];
    const body = ["id: 1\ndata: a\n\nid: 2\ndata: [DONE]\n\n"];
    const server = await start([{ body, end: "hang" }]);
    const options = {
      ...{ ...server.options, retry, until: "[DONE]" },
      cursor: storeOf(saved),
    };
    for await (const _ of connect(server.url, options));
    assertEquals(saved.at(-1), "2");
  });

  test(`connect() resumes after the last event it yielded, saved or not, with ${name}`, async () => {
    const saved: string[] = [];
    const server = await start([
      { body: ["id: 1\ndata: a\n\n", READ], end: "drop" },
      { body: ["id: 2\ndata: b\n\n"], end: "hang" },
    ]);
    const cursor: CursorStore = {
      load: () => undefined,
      save: (id) => {
        saved.push(id);
        // Longer than the reconnection takes.
        return pause(50);
      },
    };
    const options = { ...server.options, retry, cursor };
    for await (const { data } of connect(server.url, options)) {
      if (data === "b") break;
      await server.tellRead();
    }
    assertEquals(saved, ["1"]);
    const requests = await server.requests();
    assertEquals(requests.map(({ lastEventId }) => lastEventId), [
      undefined,
      "1",
    ]);
  });

  test(`EventSource saves an ID after its listeners return, even if one throws or closes the source, with ${name}`, async () => {
    const saved: string[] = [];
    const seen: [string, string | undefined][] = [];
    const failure = new ReportedError("a listener");
    const reported = await reportedDuring(async () => {
      const server = await start([{ body: [three], end: "hang" }]);
      const source = new EventSource(server.url, {
        ...server.options,
        cursor: storeOf(saved),
      });
      const closed = new Promise<void>((resolve) => {
        source.onmessage = ({ data }) => {
          seen.push([data, saved.at(-1)]);
          if (data === "a") throw failure;
          if (data !== "b") return;
          source.close();
          setTimeout(resolve);
        };
      });
      await closed;
      await server.allLeft();
    });
    assertEquals(reported, [failure]);
    assertEquals(seen, [["a", undefined], ["b", "1"]]);
    assertEquals(saved, ["1", "2"]);
  });

  for (const [face, read] of faces) {
    for (const id of ["a\nb", "a\rb", "a\0b", 7, {}, true]) {
      test(`${face} fails with a TypeError and makes no request when cursor.load() returns ${JSON.stringify(id)}, with ${name}`, async () => {
        for (const isAsync of [false, true]) {
          const server = await start([]);
          const { events, reason } = await read(server.url, {
            ...server.options,
            cursor: {
              load: () => (isAsync ? Promise.resolve(id) : id) as string,
              save: () => {},
            },
          });
          assertInstanceOf(reason, TypeError);
          assertEquals(
            reason.message.split(": received ")[0],
            "Cannot connect: cursor.load() must return text without NUL, CR and LF",
          );
          assertEquals([events, await server.requests()], [[], []]);
        }
      });
    }
  }

  test(`EventSource closes when cursor.load() fails, with ${name}`, async () => {
    const server = await start([]);
    const cursor = { load: () => "a\nb", save: () => {} };
    const source = new EventSource(server.url, { ...server.options, cursor });
    const events = record(source);
    await events.closed();
    assertEquals(events.log, ["error 2"]);
  });
}

test("connect() ends when cursor.load() never settles after it closed the connection or aborted the signal", async () => {
  for (const how of ["close()", "abort()"]) {
    const controller = new AbortController();
    const reason = new Error("stop");
    const { fetch, requests } = scriptedServer([]);
    const connection = connect("https://example.com/", {
      fetch,
      signal: controller.signal,
      cursor: {
        load() {
          if (how === "abort()") controller.abort(reason);
          else connection.close();
          return new Promise<string>(() => {});
        },
        save: () => {},
      },
    });
    const next = connection[Symbol.asyncIterator]().next();
    if (how === "abort()") {
      assertStrictEquals(await assertRejects(() => next), reason);
    } else assertEquals(await next, { done: true, value: undefined });
    assertEquals([connection.readyState, requests.length], [2, 0]);
  }
});

for (const [face, read] of faces) {
  test(`${face} sends an ID with a control character or fails without a retry, stored or received`, async () => {
    const id = "a\x01b";
    for (const isStored of [true, false]) {
      const body = [`id: ${id}\ndata: a\n\n`, READ];
      const server = await realServer({
        script: isStored ? [] : [{ body, end: "drop" }],
      });
      const retries: unknown[] = [];
      const { reason } = await read(server.url, {
        retry: { ...retry, maxAttempts: 3 },
        ...isStored && { cursor: storeOf([id]) },
        ...face === "connect()" &&
          { onRetry: (again: unknown) => retries.push(again) },
      }, server.tellRead);
      const requests = await server.requests();
      const isSent = requests.at(-1)?.lastEventId === id;
      if (isSent) continue;
      assertInstanceOf(reason, TypeError);
      assertStringIncludes(reason.message, "last event ID must be");
      assertEquals(requests.length, isStored ? 0 : 1);
      if (face === "connect()") {
        assertEquals(retries.length, isStored ? 0 : 1);
      }
    }
  });
}
