/** docs/errors.md against the errors of the source. */
import { assert, assertEquals } from "@std/assert";
import { connect, decode, EventStreamError } from "../../../mod.ts";
import { findFiles } from "../../../tools/files.ts";
import {
  type Answer,
  broken,
  endless,
  SseServer,
  stream,
} from "../../support/sse_server.ts";

const page = await Deno.readTextFile("docs/errors.md");

/** The distinct quoted texts of the matches, in order. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))]
    .sort();
}

Deno.test("docs/errors.md has a section for each code of EventStreamError, and no other", async () => {
  const source = await Deno.readTextFile("src/error.ts");
  const [, union = ""] = source.split("export type EventStreamErrorCode =");
  const codes = found(union.split(";")[0]!, /"([a-z-]+)"/g);
  assert(codes.length > 0);
  assertEquals(found(page, /^### `([a-z-]+)`$/gm), codes);
  for (const code of codes) {
    const [, section = ""] = page.split(`\n### \`${code}\`\n`);
    const [text = ""] = section.split(/^#/m);
    assert(/^Cause: /m.test(text) && /^What to do: /m.test(text), code);
  }
});

Deno.test("docs/errors.md lists how each message of the source starts, and no other", async () => {
  const starts = new Set<string>();
  for (const path of findFiles("src", ".ts")) {
    const source = (await Deno.readTextFile(path)).replace(/^ *\*.*$/gm, "");
    for (const start of found(source, /["`](Cannot [A-Za-z ]+)/g)) {
      starts.add(start.trim());
    }
    for (const action of found(source, /\bunavailable\("([a-z ]+)"/g)) {
      starts.add(`Cannot ${action}`);
    }
  }
  assert(starts.size > 0);
  // The message of an outage starts with the operation.
  assertEquals(found(page, /`(Cannot [A-Za-z ]+)`/g), [...starts].sort());
});

const refuse = (status: number): Answer => () => new Response("No", { status });
const part = "id: 1\ndata: To\n\n";

/** What a server does in each row of the table on a model's API; `undefined` for a server that is not running. */
const failures: Record<string, (Answer | undefined)[]> = {
  "400, 401, 404 …, or no SSE": [
    ...[400, 401, 404].map(refuse),
    () => Response.json({ error: "No" }),
  ],
  "408, 425, 429 or 5xx": [408, 425, 429, 500, 503].map(refuse),
  "the server cannot be reached": [undefined],
  "the stream is cut off": [broken(part)],
  "the stream ends before its marker": [stream(part)],
  "the stream is silent": [endless(part)],
};

const limits = { until: "[DONE]", idleTimeout: 200 };

/** The columns of the table. */
const ways: ((url: string) => Promise<unknown>)[] = [
  (url) => Array.fromAsync(connect(url, { method: "POST", ...limits })),
  async (url) =>
    await Array.fromAsync(decode(await fetch(url, { method: "POST" }), limits)),
];

async function failureOf(
  read: (url: string) => Promise<unknown>,
  answer: Answer | undefined,
): Promise<unknown> {
  const server = new SseServer(answer ?? stream(""));
  const { url } = server;
  if (answer === undefined) await server[Symbol.asyncDispose]();
  const error = await read(url).then(() => "none", (error) => error);
  if (answer !== undefined) await server[Symbol.asyncDispose]();
  return error;
}

/** The cell for an error. */
function cellOf(error: unknown): string {
  if (error instanceof EventStreamError) return `\`${error.code}\``;
  return error instanceof TypeError ? "the error of `fetch()`" : String(error);
}

Deno.test("docs/errors.md lists the code of each failure of a model's API, with connect() and with decode()", async () => {
  const [, section = ""] = page.split("\n## A model's API\n");
  const rows = (section.split(/^## /m)[0]!.match(/^\|.*\|$/gm) ?? []).slice(2)
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
  assertEquals(rows.map(([name]) => name), Object.keys(failures));
  for (const [name, ...cells] of rows) {
    for (const answer of failures[name!]!) {
      const errors = await Promise.all(
        ways.map((read) => failureOf(read, answer)),
      );
      assertEquals(errors.map(cellOf), cells, name);
    }
  }
});

Deno.test("docs/errors.md lists the causes of a POST that was truncated, or had no response", async () => {
  const [post] = ways as [(url: string) => Promise<unknown>];
  const causes = [];
  for (const answer of [broken(part), stream(part), endless(part)]) {
    const { cause } = await failureOf(post, answer) as EventStreamError;
    causes.push(cause && cellOf(cause));
  }
  const idle = "`idle-timeout`";
  assertEquals(causes, ["the error of `fetch()`", undefined, idle]);

  const { promise, resolve } = Promise.withResolvers<Response>();
  await using server = new SseServer(() => promise);
  const error: EventStreamError = await post(server.url)
    .then(() => undefined, (error) => error);
  resolve(new Response());
  assertEquals(error.code, "connection-failed");
  assertEquals(cellOf(error.cause), idle);
});
