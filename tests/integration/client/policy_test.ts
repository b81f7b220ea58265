/** Compares the tables in docs/client.md, which define when a request is repeated, with the client's behavior. */
import { assert, assertEquals } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  EventSource,
  EventStreamError,
} from "../../../src/client/mod.ts";
import { defineEvents } from "../../../src/contract.ts";
import {
  type ScriptedReply,
  scriptedServer,
} from "../../../src/testing/mod.ts";
import { count } from "../../contract/_schemas.ts";

/** How to reproduce a row: the server's first response, and the options. */
interface Scenario {
  readonly replies: ScriptedReply[];
  readonly options?: () => ConnectOptions;
  readonly hides?: true;
}

const two = "id: 1\ndata: a\n\nid: 2\ndata: b\n\n";
const refused = new TypeError("refused");

function statuses(...values: number[]): ScriptedReply[] {
  return values.map((status) => ({ status }));
}

function failingOnce(): ConnectOptions {
  let calls = 0;
  return {
    headers() {
      if (calls++ === 0) throw new Error("no token yet");
      return {};
    },
  };
}

const silence = { options: () => ({ idleTimeout: 30 }) };
const until = { options: () => ({ until: "[DONE]" }) };

/** Each row of the table, once for each case it covers. */
const scenarios: Record<string, Scenario[]> = {
  "the `headers` function fails": [{ replies: [], options: failingOnce }],
  "no connection": [{ replies: [refused] }],
  "no response within `idleTimeout`": [{
    replies: [{ delay: 60_000 }],
    ...silence,
  }],
  "status 408, 425, 429 or 5xx": statuses(
    408,
    425,
    429,
    500,
    502,
    503,
    504,
    599,
  )
    .map((reply) => ({ replies: [reply] })),
  "the same with a `Retry-After` above 5 minutes": [{
    replies: [{ status: 503, headers: { "retry-after": "301" } }],
  }],
  "another status, another content type": [
    ...statuses(400, 401, 403, 404, 410),
    { headers: { "content-type": "text/html" }, body: "<p>" },
  ].map((reply) => ({ replies: [reply] })),
  "status 204": [{ replies: statuses(204) }],
  "the stream breaks": [
    { replies: [{ body: two, end: "drop" }] },
    { replies: [{ body: ": hello\n\n", end: "drop" }] },
  ],
  "no byte within `idleTimeout`": [
    { replies: [{ body: two, end: "hang" }], ...silence },
  ],
  "the stream ends and has given an ID": [
    { replies: [{ body: two }] },
    { replies: [{ body: "id: 1\n\n" }] },
  ],
  "the stream ends after events without an ID": [
    { replies: [{ body: "data: a\n\n" }] },
  ],
  "the stream ends without an event or an ID": [
    { replies: [{ body: "" }] },
    { replies: [{ body: ": hello\n\n" }] },
  ],
  "with `until`, the stream ends or breaks after events without an ID": [
    { replies: [{ body: "data: a\n\n" }], ...until },
    { replies: [{ body: "data: a\n\n", end: "drop" }], ...until },
  ],
  "the tenth attempt in a row fails": [{ replies: Array(10).fill(refused) }],
  "the page is hidden, with `pauseWhenHidden`": [{
    replies: [{ body: ["id: 1\ndata: a\n\n"], end: "hang" }],
    options: () => ({ pauseWhenHidden: true }),
    hides: true,
  }],
  "an event is larger than `maxEventSize`": [{
    replies: [{ body: `data: ${"x".repeat(100)}\n\n` }],
    options: () => ({ maxEventSize: 50 }),
  }],
  "a contract refuses an event": [{
    replies: [{ body: "event: tick\ndata: no number\n\n" }],
    options: () => ({ contract: defineEvents({ tick: count }) as never }),
  }],
};

type Face = (url: string, options: ConnectOptions) => {
  readonly outcome: Promise<string>;
  close(): void;
};

/** Words for how a client ended by itself. */
function wordFor(error: unknown): string {
  assert(error instanceof EventStreamError, String(error));
  return `\`${error.code}\``;
}

const faces: Record<string, Face> = {
  "`connect()`": (url, options) => {
    const events = connect(url, options);
    const read = async () => {
      try {
        for await (const _ of events);
        return "end";
      } catch (error) {
        return wordFor(error);
      }
    };
    return { outcome: read(), close: () => void events.close() };
  },
  "`EventSource`": (url, options) => {
    const source = new EventSource(url, options as object);
    const outcome = new Promise<string>((resolve) => {
      source.onerror = (event) => {
        if (event instanceof MessageEvent) return;
        if (source.readyState === EventSource.CLOSED) {
          resolve(wordFor(event.error));
        }
      };
    });
    return { outcome, close: () => source.close() };
  },
};

/** Runs a scenario; the reply after its own ones stays open, and so shows that another request was made. */
async function run(
  face: Face,
  method: string,
  { replies, options, hides }: Scenario,
): Promise<string> {
  let againAt: () => void;
  const again = new Promise<string>((resolve) => {
    againAt = () => resolve("again");
  });
  const server = scriptedServer([
    ...replies,
    () => {
      againAt();
      return { end: "hang" };
    },
  ]);
  const page = new EventTarget();
  let visibilityState = "visible";
  Object.defineProperty(page, "visibilityState", {
    get: () => visibilityState,
  });
  if (hides) Object.assign(globalThis, { document: page });
  const client = face("https://example.com/", {
    method,
    ...method === "POST" && { body: "{}" },
    fetch: server.fetch,
    retry: { delay: 0, minDelay: 0 },
    ...options?.(),
  });
  try {
    const outcomes = [client.outcome, again];
    if (hides) outcomes.push(hidden(server, page, (s) => visibilityState = s));
    return await Promise.race(outcomes);
  } finally {
    if (hides) Reflect.deleteProperty(globalThis, "document");
    client.close();
  }
}

/** Hides the page and shows it again; resolves if the connection was not closed for that. */
async function hidden(
  server: { connections: number },
  page: EventTarget,
  set: (state: string) => void,
): Promise<string> {
  while (server.connections === 0) await null;
  // The event has been handed out by then.
  for (let turn = 0; turn < 100; turn++) await null;
  set("hidden");
  page.dispatchEvent(new Event("visibilitychange"));
  const isOpen = server.connections === 1;
  set("visible");
  page.dispatchEvent(new Event("visibilitychange"));
  return isOpen ? "open" : new Promise(() => {});
}

interface Table {
  /** A method that the table is about. */
  readonly method: string;
  readonly columns: readonly string[];
  /** Each row's label with a cell for each column. */
  readonly rows: readonly (readonly [string, readonly string[]])[];
}

function readTables(): Table[] {
  const text = Deno.readTextFileSync(
    new URL("../../../docs/client.md", import.meta.url),
  );
  const [, section] = text.split("## When a request is repeated\n");
  const paragraphs = section!.split("\n## ")[0]!.trim().split("\n\n");
  return paragraphs.flatMap((paragraph, index) => {
    if (!paragraph.startsWith("|")) return [];
    const [head, , ...rows] = paragraph.split("\n").map((line) =>
      line.split("|").slice(1, -1).map((cell) => cell.trim())
    );
    return [{
      method: paragraphs[index - 1]!.match(/For ([A-Z]+)/)![1]!,
      columns: head!.slice(1),
      rows: rows.map(([label, ...cells]) => [label!, cells] as const),
    }];
  });
}

const tables = readTables();

Deno.test("The tables of docs/client.md have the scenarios for each API with GET and POST", () => {
  assertEquals(tables.map(({ method }) => method), ["GET", "POST"]);
  for (const { method, columns, rows } of tables) {
    assertEquals(columns, Object.keys(faces));
    const labels = rows.map(([label]) => label);
    // A request that is not repeated has no tenth attempt.
    const expected = Object.keys(scenarios).filter((label) =>
      method === "GET" || !label.startsWith("the tenth")
    );
    assertEquals(labels, expected);
  }
});

for (const { method, columns, rows } of tables) {
  for (const [label, cells] of rows) {
    for (const [index, cell] of cells.entries()) {
      if (cell === "") continue;
      const face = columns[index]!;
      Deno.test(`${face} with ${method} does what docs/client.md says when ${label}: ${cell}`, async () => {
        for (const scenario of scenarios[label]!) {
          assertEquals(await run(faces[face]!, method, scenario), cell);
        }
      });
      if (cell !== "end") continue;
      Deno.test(`${face} with ${method} and until rejects as truncated when ${label}`, async () => {
        for (const scenario of scenarios[label]!) {
          const outcome = await run(faces[face]!, method, {
            ...scenario,
            ...until,
          });
          assertEquals(outcome, "`truncated`");
        }
      });
    }
  }
}
