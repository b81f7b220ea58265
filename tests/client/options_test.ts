import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  connect,
  EventSource,
  EventStreamError,
  storageCursor,
} from "../../src/client/mod.ts";
import { defineEvents } from "../../src/contract.ts";
import { test } from "../_test.ts";
import { count } from "../contract/_schemas.ts";
import { faces } from "./_faces.ts";
import { record } from "./_record.ts";
import { quick, servers } from "./_server.ts";
import { pause } from "../../tools/pause.ts";

const retry = { ...quick, maxAttempts: 2 };

for (const [name, start] of servers) {
  for (const [face, read] of faces) {
    test(`${face} sends the method, the body and fresh headers with every attempt to ${name}`, async () => {
      const server = await start([{ body: ["id: 1\ndata: a\n\n"] }, {
        body: ["id: 2\ndata: b\n\n"],
      }]);
      let token = 0;
      const { events } = await read(server.url, {
        ...server.options,
        retry,
        method: "PUT",
        idempotent: true,
        body: "{}",
        headers: async () => {
          await Promise.resolve();
          return [["authorization", `Bearer ${++token}`], [
            "content-type",
            "application/json",
          ]];
        },
      });
      assertEquals(events, [["a", "1"], ["b", "2"]]);
      const requests = await server.requests();
      assertEquals(
        requests.map((
          { method, body, headers },
        ) => [method, body, headers["authorization"], headers["content-type"]]),
        [1, 2, 3].map((n) => ["PUT", "{}", `Bearer ${n}`, "application/json"]),
      );
    });

    test(`${face} sends the caller's Accept header, but not the caller's Last-Event-ID, to ${name}`, async () => {
      const server = await start([{ body: ["id: 1\ndata: a\n\n"] }]);
      const headers = {
        accept: "text/event-stream, application/json",
        "last-event-id": "mine",
      };
      await read(server.url, {
        ...server.options,
        retry,
        headers,
        lastEventId: "seed",
      });
      const requests = await server.requests();
      assertEquals(requests.map(({ lastEventId }) => lastEventId), [
        "seed",
        "1",
      ]);
      assertEquals(requests[0]?.headers["accept"], headers.accept);
    });

    for (
      const id of [
        "é",
        "日本語",
        "😀",
        "ÿ",
        "\x80",
        "a b",
        "%20",
        "é".repeat(1000),
      ]
    ) {
      test(`${face} sends the ID ${id.slice(0, 9)} as UTF-8 to ${name}`, async () => {
        const server = await start([{ body: [`id: ${id}\ndata: a\n\n`] }]);
        const { events } = await read(server.url, {
          ...server.options,
          retry,
          lastEventId: id,
        });
        assertEquals(events, [["a", id]]);
        const requests = await server.requests();
        assertEquals(requests.map(({ lastEventId }) => lastEventId), [id, id]);
      });
    }

    test(`${face} treats a reset ID as no ID, and keeps an ID sent without data, from ${name}`, async () => {
      const server = await start([
        { body: ["id: 1\ndata: a\n\nid\ndata: b\n\n"] },
        { body: ["id: 3\n\n"] },
        { body: ["data: c\n\nid: 4\n\n"] },
        { body: [": nothing\n\nid: 5\n"], end: "drop" },
      ]);
      const { events } = await read(server.url, { ...server.options, retry });
      assertEquals(events, [["a", "1"], ["b", ""], ["c", "3"]]);
      assertEquals(
        (await server.requests()).map(({ lastEventId }) => lastEventId),
        [undefined, undefined, "3", "4", "4"],
      );
    });

    test(`${face} resumes from the cursor store and saves every ID once, with ${name}`, async () => {
      for (const isAsync of [false, true]) {
        const server = await start([{
          body: ["id: 2\ndata: a\n\ndata: b\n\nid: 3\n\n"],
        }, { body: ["id: 4\ndata: c\n\nid\ndata: d\n\n"] }]);
        const saved: string[] = [];
        const { events } = await read(server.url, {
          ...server.options,
          retry,
          lastEventId: "not this one",
          cursor: {
            load: () => isAsync ? Promise.resolve("1") : "1",
            save(id) {
              saved.push(id);
              return isAsync ? Promise.resolve() : undefined;
            },
          },
        });
        assertEquals(events, [["a", "2"], ["b", "2"], ["c", "4"], ["d", ""]]);
        assertEquals(saved.at(-1), "");
        assertEquals(saved, [...new Set(saved)]);
        assert(saved.includes("3"));
        assertEquals(
          (await server.requests()).map(({ lastEventId }) => lastEventId),
          ["1", "3", undefined],
        );
      }
    });

    test(`${face} saves one ID at a time and skips IDs that a later one has replaced, with ${name}`, async () => {
      const server = await start([{
        body: [
          Array.from({ length: 9 }, (_, i) => `id: ${i}\ndata: a\n\n`).join(""),
        ],
      }]);
      const saved: string[] = [];
      let saving = 0;
      const finish: (() => void)[] = [];
      const done = read(server.url, {
        ...server.options,
        retry,
        cursor: {
          load: () => null,
          save(id) {
            assertEquals(++saving, 1);
            saved.push(id);
            return new Promise((resolve) =>
              finish.push(() => resolve(void saving--))
            );
          },
        },
      });
      while (saved.length < 2) {
        finish.shift()?.();
        await pause();
        if (saved.length === 1 && finish.length === 1) {
          await server.requested(2);
        }
      }
      finish.shift()!();
      await done;
      assertEquals(saved, ["0", "8"]);
    });

    test(`${face} clamps retry and applies it immediately, from ${name}`, async () => {
      const server = await start([{
        body: ["retry: 99999999999999999999\nid: 1\ndata: a\n\n"],
      }]);
      const aborter = new AbortController();
      const { signal } = aborter;
      const done = read(server.url, { ...server.options, retry, signal });
      if (face === "connect()") {
        await server.requested(1);
        setTimeout(() => aborter.abort(), 20);
        assertEquals((await done).events, [["a", "1"]]);
      } else aborter.abort();
      assertEquals((await server.requests()).length <= 1, true);
    });
  }

  test(`EventSource exposes lastEventId and reconnectionTime as of the event being dispatched, from ${name}`, async () => {
    const server = await start([{
      body: [
        "id: 1\nretry: 99999999999\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n: more\n",
      ],
      end: "hang",
    }]);
    const source = new EventSource(server.url, server.options);
    assertEquals([source.lastEventId, source.reconnectionTime], ["", 3000]);
    const seen: unknown[] = [];
    source.onmessage = ({ lastEventId }) =>
      seen.push([lastEventId, source.lastEventId, source.reconnectionTime]);
    await record(source).length(3);
    while (source.lastEventId !== "3") {
      await pause();
    }
    source.close();
    assertEquals(seen, [["1", "1", 2 ** 31 - 1], ["2", "2", 2 ** 31 - 1]]);
  });

  test(`connect() exposes lastEventId and reconnectionTime as of the last event yielded, from ${name}`, async () => {
    const server = await start([{
      body: ["id: 1\nretry: 1\ndata: a\n\nid: 2\ndata: b\n\n"],
      end: "hang",
    }]);
    const connection = connect(server.url, {
      ...server.options,
      retry: { delay: 7 },
    });
    assertEquals([connection.lastEventId, connection.reconnectionTime], [
      "",
      7,
    ]);
    for await (const { id } of connection) {
      assertEquals([connection.lastEventId, connection.reconnectionTime], [
        id,
        1,
      ]);
      if (id === "2") break;
    }
    assertEquals(connection.lastEventId, "2");
  });

  test(`EventSource retries after the statuses listed in retry.statuses, with an error event, from ${name}`, async () => {
    const server = await start([{ status: 503, body: ["later"] }, {
      body: ["data: a\n\n"],
    }]);
    const source = new EventSource(server.url, {
      ...server.options,
      retry: { ...retry, statuses: (status) => status === 503 },
    });
    const events = record(source);
    const statuses: unknown[] = [];
    source.onerror = (event) => {
      if (event instanceof MessageEvent) return;
      statuses.push([event.status, typeof event.message]);
    };
    await events.closed();
    assertEquals(events.log, [
      "error 0",
      "open 1",
      '"a"',
      "error 0",
      "error 2",
    ]);
    assertEquals(statuses, [[503, "string"], [undefined, "string"], [
      204,
      "string",
    ]]);
  });

  test(`EventSource closes without an event when its signal aborts before, during or after the connection, with ${name}`, async () => {
    const server = await start([{ body: ["data: a\n\n"], end: "hang" }]);
    const before = new EventSource(server.url, {
      ...server.options,
      signal: AbortSignal.abort(),
    });
    assertEquals(before.readyState, EventSource.CLOSED);
    const aborter = new AbortController();
    const source = new EventSource(server.url, {
      ...server.options,
      signal: aborter.signal,
    });
    const events = record(source);
    await events.length(2);
    aborter.abort();
    assertEquals(source.readyState, EventSource.CLOSED);
    await server.allLeft();
    aborter.abort();
    assertEquals(events.log, ["open 1", '"a"']);
    assertEquals((await server.requests()).length, 1);
  });

  test(`connect() and EventSource deliver the data that a contract decodes, from ${name}`, async () => {
    const contract = defineEvents({ tick: count }, { unlisted: "skip" });
    const body = [
      "event: tick\nid: 1\ndata: 42\n\nid: 2\ndata: text\n\nevent: tick\ndata: wrong\n\nevent: tick\ndata: 1\n\n",
    ];
    const server = await start([{ body }, { body }]);
    const datas: number[] = [];
    let failure: unknown;
    try {
      for await (
        const { event, data } of connect(server.url, {
          ...server.options,
          contract,
        })
      ) {
        if (event === "tick") datas.push(data);
      }
    } catch (error) {
      failure = error;
    }
    assertInstanceOf(failure, EventStreamError);
    assertEquals([datas, failure.code], [[42], "invalid-event"]);
    const source = new EventSource(server.url, {
      ...server.options,
      contract,
    });
    source.addEventListener("tick", ({ data }) => datas.push(data));
    const { error } = await record(source).closed();
    assertInstanceOf(error, EventStreamError);
    assertEquals([datas, error.code], [[42, 42], "invalid-event"]);
    assertEquals((await server.requests()).length, 2);
  });
}

test("EventSource sends credentials to the same origin only by default, and never uses the cache", async () => {
  // Deno 2.5 and 2.6 do not support Request.cache.
  const noStore = "cache" in Request.prototype ? "no-store" : undefined;
  const inits: RequestInit[] = [];
  const fetch = (_: string, init: RequestInit) => {
    inits.push(init);
    return Promise.resolve(new Response(null, { status: 204 }));
  };
  for (const withCredentials of [false, true]) {
    const source = new EventSource("https://example.com/", {
      fetch,
      withCredentials,
    });
    await record(source).closed();
  }
  assertEquals(
    inits.map(({ credentials, cache }) => [credentials, cache]),
    [["same-origin", noStore], ["include", noStore]],
  );
});

test("storageCursor() stores the ID under its key, and removes the key when there is no ID", () => {
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  const cursor = storageCursor(storage, "news");
  assertEquals(cursor.load(), null);
  cursor.save("7");
  assertEquals([cursor.load(), [...items]], ["7", [["news", "7"]]]);
  cursor.save("");
  assertEquals(items.size, 0);
});
