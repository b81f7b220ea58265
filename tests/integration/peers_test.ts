/** The cells of docs/comparison.md that running the packages can show. */
import { assert, assertEquals } from "@std/assert";
import { createResponse } from "npm:better-sse@0.16.1";
import { EventSource as PeerEventSource } from "npm:eventsource@5.1.5";
import { EventSourceParserStream } from "npm:eventsource-parser@4.1.3/stream";
import { Hono } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import {
  decode,
  EventSource,
  respond,
  type ServerSentEventInit,
} from "../../mod.ts";
import {
  type EventStreamVector,
  eventStreamVectors,
} from "../../src/testing/mod.ts";
import { pause } from "../../tools/pause.ts";

type Event = [type: string, data: string];
type Cells = Record<string, string>;

const headers = { "content-type": "text/event-stream" };
const request = new Request("https://example.com/");

/** How each writes an event, to a client that reads the response to its end. */
const writers: Record<
  string,
  (init: ServerSentEventInit) => Promise<Response>
> = {
  Rivulet: (init) => Promise.resolve(respond(request, [init])),
  hono: (init) => serveHono((stream) => stream.writeSSE(messageOf(init))),
  "better-sse": (init) => {
    const abort = new AbortController();
    const { signal } = abort;
    const options = { keepAlive: null, retry: null };
    return Promise.resolve(
      createResponse(new Request(request, { signal }), options, (session) => {
        const { data, event, id } = messageOf(init);
        session.push(data, event, id);
        abort.abort();
      }),
    );
  },
};

const readers: Record<string, (vector: EventStreamVector) => Promise<Event[]>> =
  {
    Rivulet: async (vector) => {
      const events = await Array.fromAsync(decode(bodyOf(vector)));
      return events.map(({ event, data }) => [event, data]);
    },
    eventsource: (vector) => listen(PeerEventSource, vector),
    "eventsource-parser": async (vector) => {
      const events = bodyOf(vector).pipeThrough(new TextDecoderStream())
        .pipeThrough(new EventSourceParserStream());
      return (await Array.fromAsync(events)).map((
        { event = "message", data },
      ) => [event, data]);
    },
  };

const sources: Record<string, typeof PeerEventSource | typeof EventSource> = {
  Rivulet: EventSource,
  eventsource: PeerEventSource,
};

Deno.test("The comparison says for each package whether data keeps its leading space", async () => {
  await checkRow("keeps a leading space of the data", writers, async (to) => {
    const [event] = await Array.fromAsync(decode(await to({ data: " a" })));
    return [" a", `" a"`].includes(event!.data);
  });
});

Deno.test("The comparison says for each package whether it refuses line breaks", async () => {
  const inits = ["\n", "\r"].flatMap((end) => {
    const value = `a${end}data: forged`;
    return [{ event: value, data: "" }, { id: value, data: "" }];
  });
  await checkRow(
    "refuses line breaks in `event` and `id`",
    writers,
    (to) =>
      holdsForAll(inits, async (init) => {
        const text = await to(init).then((response) => response.text())
          .catch(() => "");
        return !text.includes("forged");
      }),
  );
});

Deno.test("The comparison says for each package how many vectors it parses", async () => {
  const cells: Cells = {};
  for (const [name, read] of Object.entries(readers)) {
    let count = 0;
    for (const vector of eventStreamVectors) {
      const events = await read(vector);
      const expected = vector.events.map(([type, data]) => [type, data]);
      if (JSON.stringify(events) === JSON.stringify(expected)) count++;
    }
    cells[name] = String(count);
  }
  const total = eventStreamVectors.length;
  await checkCells(`parses the ${total} test vectors correctly`, cells);
});

Deno.test("The comparison says for each package whether it handles a long retry", async () => {
  // A timer treats a longer delay as 1 ms.
  const row = "handles a `retry` above 2^31 ms";
  const requests = Object.fromEntries(
    Object.keys(sources).map((name) => [name, 0]),
  );
  const opened = Object.entries(sources).map(([name, Source]) =>
    new Source(request.url, {
      fetch: () => {
        requests[name]!++;
        const body = "retry: 99999999999\n\n";
        return Promise.resolve(new Response(body, { headers }));
      },
    })
  );
  while (Math.max(...Object.values(requests)) < 5) {
    await pause(10);
  }
  for (const source of opened) source.close();
  const cells = Object.entries(requests).map(([name, count]) =>
    [name, yesOrNo(count === 1)] as const
  );
  await checkCells(row, Object.fromEntries(cells));
});

Deno.test("The comparison says for each package whether clients see error messages", async () => {
  const secret = "The password is 1234";
  const fail = () => Promise.reject(new Error(secret));
  const responses = {
    Rivulet: respond(request, () => ({ [Symbol.asyncIterator]: failing }), {
      onError() {},
    }),
    hono: await serveHono(fail, () => Promise.resolve()),
  };
  function failing(): AsyncIterator<never> {
    return { next: fail };
  }
  await checkRow("hides error messages from clients", responses, async (
    response,
  ) => {
    const text = await response.text().catch(() => "");
    return !text.includes(secret);
  });
});

Deno.test("The comparison says for each package whether it applies backpressure", async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const count = 1000;
  const written: Record<string, number> = {};
  const write = async (name: string, push: () => unknown) => {
    for (written[name] = 0; written[name] < count; written[name]++) {
      await push();
    }
  };
  const app = new Hono();
  app.get(
    "/",
    (c) =>
      streamSSE(
        c,
        (stream) => write("hono", () => stream.writeSSE({ data: "" })),
      ),
  );
  const responses = [
    respond(request, async function* () {
      for (written.Rivulet = 0; written.Rivulet < count; written.Rivulet++) {
        yield { data: "" };
      }
    }),
    await app.request("/"),
    createResponse(
      new Request(request, { signal }),
      { keepAlive: null },
      (session) => write("better-sse", () => session.push("")),
    ),
  ];
  // Whoever is not held back is done within a turn of the event loop.
  for (let turn = 0; turn < 50; turn++) {
    await pause(0);
  }
  await checkRow(
    "backpressure: a slow client slows its writer",
    written,
    (events) => Promise.resolve(events < count),
  );
  const [ours, theirs] = responses;
  await Promise.all([ours!.body!.cancel(), theirs!.body!.cancel()]);
  // better-sse leaves a rejection unhandled when its body is cancelled.
  abort.abort();
});

async function serveHono(
  write: (stream: SSEStreamingApi) => Promise<void>,
  onError?: () => Promise<void>,
): Promise<Response> {
  let failure: unknown;
  const app = new Hono();
  app.get("/", (c) =>
    streamSSE(c, async (stream) => {
      // Without an `onError` it writes the error to the console.
      if (onError !== undefined) return await write(stream);
      await write(stream).catch((error) => failure = error);
    }, onError));
  const response = await app.request("/");
  const text = await response.text();
  if (failure !== undefined) throw failure;
  return new Response(text, response);
}

function messageOf(
  { data = "", event, id }: ServerSentEventInit,
): { data: string; event?: string; id?: string } {
  return {
    data,
    ...(event !== undefined && { event }),
    ...(id !== undefined && { id: String(id) }),
  };
}

function bodyOf({ input }: EventStreamVector): ReadableStream<
  Uint8Array<ArrayBuffer>
> {
  return new Blob([input as string]).stream();
}

/** The events that an EventSource dispatches for a vector, to the end of the stream. */
function listen(
  Source: typeof PeerEventSource,
  vector: EventStreamVector,
): Promise<Event[]> {
  const seen: Event[] = [];
  const source = new Source(request.url, {
    fetch: () => Promise.resolve(new Response(bodyOf(vector), { headers })),
  });
  return new Promise((resolve) => {
    const types = new Set(vector.events.map(([type]) => type)).add("error");
    for (const type of types) {
      source.addEventListener(type, (event) => {
        if ("data" in event) return seen.push([type, String(event.data)]);
        if (type !== "error") return;
        // Behind its dispatch it sets a timer, closed or not.
        queueMicrotask(() => {
          source.close();
          resolve(seen);
        });
      });
    }
  });
}

async function checkRow<T>(
  row: string,
  peers: Record<string, T>,
  holds: (peer: T) => Promise<boolean>,
): Promise<void> {
  const cells: Cells = {};
  for (const [name, peer] of Object.entries(peers)) {
    cells[name] = yesOrNo(await holds(peer));
  }
  await checkCells(row, cells);
}

async function checkCells(row: string, cells: Cells): Promise<void> {
  const text = await Deno.readTextFile("docs/comparison.md");
  const lines = text.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const head = lines.find(([, , name]) => name === "Rivulet")!;
  const cellsOfRow = lines.find(([, name]) => name === row);
  assert(cellsOfRow !== undefined, `The comparison has no row "${row}"`);
  const told = Object.keys(cells).map((name) =>
    [name, cellsOfRow[head.indexOf(name)]!.replace(/,.*/, "")] as const
  );
  assertEquals(Object.fromEntries(told), cells);
}

async function holdsForAll<T>(
  values: T[],
  holds: (value: T) => Promise<boolean>,
): Promise<boolean> {
  for (const value of values) if (!await holds(value)) return false;
  return true;
}

function yesOrNo(holds: boolean): string {
  return holds ? "yes" : "no";
}
