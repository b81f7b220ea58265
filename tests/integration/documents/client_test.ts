/** The programs that docs/client.md prints. */
import { assertEquals, assertRejects } from "@std/assert";
import { EventStreamError } from "../../../mod.ts";
import type { EventConnection, EventSource } from "../../../src/client/mod.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import type { ScriptedServer } from "../../../src/testing/mod.ts";
import { importProgram, serveHandler } from "../../support/program.ts";
import { broken, stream } from "../../support/sse_server.ts";
import { until } from "../../support/until.ts";

const page = "docs/client.md";
const printedUrl = "https://example.com";

function load<T>(
  heading: string,
  url: string,
  replacements: Record<string, string> = {},
): Promise<T> {
  return importProgram(page, heading, "client.ts", {
    ...replacements,
    [printedUrl]: url,
  });
}

/** Runs something and returns what it writes to the console. */
async function logged(run: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const { log } = console;
  console.log = (...values) => void lines.push(values.join(" "));
  try {
    await run();
  } finally {
    console.log = log;
  }
  return lines;
}

Deno.test("The EventSource of docs/client.md shows events, sends a new token with each attempt, and closes at a 401", async () => {
  const tokens: (string | null)[] = [];
  await using server = serveHandler((request) => {
    tokens.push(request.headers.get("authorization"));
    if (tokens.length > 1) return new Response("Who?", { status: 401 });
    const text = "retry: 0\n\ndata: It rains\n\n" +
      "event: breaking\ndata: It pours\n\nevent: error\ndata: own\n\n";
    return stream(text)(request);
  });
  const { follow } = await load<
    { follow(token: () => Promise<string>): EventSource }
  >("EventSource", server.url);
  let count = 0;
  const lines = await logged(async () => {
    const source = follow(() => Promise.resolve(`t${++count}`));
    await until(() => source.readyState === 2);
  });
  assertEquals(tokens, ["Bearer t1", "Bearer t2"]);
  assertEquals(lines.map((line) => line.split(": ")[0]), [
    "It rains",
    "! It pours",
    "reconnecting",
    "closed",
  ]);
});

Deno.test("The loop of docs/client.md logs each attempt, and ends at the last event", async () => {
  let requests = 0;
  await using server = serveHandler((request) =>
    requests++ === 0
      ? broken("id: 1\ndata: a\n\n")(request)
      : stream("id: 2\nevent: end\ndata: b\n\n")(request)
  );
  const { follow } = await load<{ follow(): Promise<void> }>(
    "connect()",
    server.url,
  );
  const lines = await logged(() => follow());
  assertEquals(lines, ["status 200", "a", "attempt 1", "status 200", "b"]);
});

Deno.test("The answer of docs/client.md is complete, or rejects with truncated", async () => {
  await using server = serveHandler((request) => {
    const isWhole = request.url.includes("whole");
    const end = isWhole ? "data: [DONE]" : "";
    return stream(`data: To\n\ndata:  be\n\n${end}`)(request);
  });
  const { ask } = await importProgram<
    { ask(question: string): Promise<string> }
  >(page, "connect()", "ask.ts", { [printedUrl]: server.url });
  assertEquals(await ask("whole"), "To be");
  const error = await assertRejects(() => ask("half"), EventStreamError);
  assertEquals(error.code, "truncated");
});

Deno.test("The program of docs/client.md shows a response that was refused", async () => {
  await using server = serveHandler(() =>
    new Response("Not this room", { status: 403 })
  );
  const { follow } = await load<
    { follow(show: (text: string) => void): Promise<void> }
  >("Other errors", server.url);
  const shown: string[] = [];
  await follow((text) => shown.push(text));
  assertEquals(shown, ["403: Not this room"]);
});

Deno.test("The cursor of docs/client.md repeats the event whose handler failed, and no earlier event", async () => {
  const file = await Deno.makeTempFile();
  await Deno.remove(file);
  const ids: (string | null)[] = [];
  await using server = serveHandler((request) => {
    ids.push(request.headers.get("last-event-id"));
    if (ids.length === 1) {
      return stream("id: 1\ndata: a\n\nid: 2\ndata: b\n\n")(request);
    }
    if (ids.length === 2) return stream("id: 2\ndata: b\n\n")(request);
    return new Response(null, { status: 204 });
  });
  const { follow } = await load<
    { follow(handle: (text: string) => Promise<void>): Promise<void> }
  >("Resume after a restart", server.url, { "news-position.txt": file });
  const failure = new Error("as if the process had ended here");
  await assertRejects(
    () =>
      follow((text) =>
        text === "b" ? Promise.reject(failure) : Promise.resolve()
      ),
    Error,
    failure.message,
  );
  assertEquals(await Deno.readTextFile(file), "1");
  const handled: string[] = [];
  await follow((text) => Promise.resolve(void handled.push(text)));
  assertEquals(handled, ["b"]);
  assertEquals(ids, [null, "1", "2"]);
  assertEquals(await Deno.readTextFile(file), "2");
  await Deno.remove(file);
});

Deno.test("The fetch of docs/client.md adds a header to those of the client", async () => {
  const headers = new Headers();
  await using server = serveHandler((request) => {
    request.headers.forEach((value, name) => headers.set(name, value));
    return stream("data: a\n\n")(request);
  });
  const { follow } = await load<{ follow(token: string): EventConnection }>(
    "Your own fetch",
    server.url,
  );
  const events: ServerSentEvent[] = [];
  for await (const event of follow("secret")) events.push(event);
  assertEquals(events.length, 1);
  assertEquals(headers.get("x-token"), "secret");
  assertEquals(headers.get("accept"), "text/event-stream");
});

Deno.test("The source of docs/client.md reads bytes that do not come from a request", async () => {
  const { read } = await importProgram<
    { read(bytes: ReadableStream<Uint8Array>): EventSource }
  >(page, "Read events from a stream of bytes", "client.ts");
  const lines = await logged(async () => {
    const source = read(new Blob(["data: a\n\ndata: b\n\n"]).stream());
    await until(() => source.readyState === 2);
  });
  assertEquals(lines, ["a", "b"]);
});

Deno.test("The scripted server of docs/client.md plays its script, and then answers 204", async () => {
  const { seen, server } = await importProgram<
    { readonly seen: string[]; readonly server: ScriptedServer }
  >(page, "Test your client", "client_test.ts");
  assertEquals(seen, ["a", "after 1"]);
  assertEquals(server.requests.length, 5);
  assertEquals(server.connections, 0);
});
