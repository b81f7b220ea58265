/** `tail`, as its user starts it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  run,
  shellLine,
  start,
  startInShell,
  startInTerminal,
} from "./_cli.ts";
import {
  broken,
  endless,
  SseServer,
  stream,
} from "../../tests/support/sse_server.ts";

/** Makes the client reconnect without a delay. */
const RETRY = "retry: 1\n\n";

Deno.test("tail prints events as fields of the format, without colours in a pipe, until the stream ends", async () => {
  const body = `: hi\n\nid: 1\nevent: tick\ndata: a\ndata: b\n\ndata: c\n\n` +
    `id\ndata\n\n`;
  await using server = new SseServer(stream(RETRY + body));
  const { code, stdout, stderr } = await run("tail", server.url);
  assertEquals(
    stdout,
    "id: 1\nevent: tick\ndata: a\ndata: b\n\ndata: c\n\nid: \ndata: \n\n",
  );
  assertEquals(code, 0);
  assertEquals(stderr.match(/^Connected to /gm)?.length, 1);
  assertEquals(server.requests.length, 2);
});

Deno.test("tail sends the given headers, method, body and event ID", async () => {
  await using server = new SseServer(async (request) => {
    const { method, headers } = request;
    const data = [
      method,
      headers.get("authorization"),
      headers.get("x-many"),
      headers.get("last-event-id"),
      await request.text(),
    ].join("\ndata: ");
    return stream(`data: ${data}\n\n`)(request);
  });
  const headers = ["-H", "Authorization: Bearer a:b", "-H", "x-many: 1"];
  const { stdout } = await run(
    ...["tail", server.url, ...headers, "-H", "X-Many: 2"],
    ...["--method", "PUT", "--data", '{"a": 1}', "--since", "é7"],
  );
  const expected = [
    "PUT",
    "Bearer a:b",
    "1, 2",
    // The bytes of the UTF-8, as Deno shows them.
    "Ã©7",
    '{"a": 1}',
  ];
  assertEquals(
    stdout,
    `id: é7\n${expected.map((line) => `data: ${line}\n`).join("")}\n`,
  );
});

Deno.test("tail posts a body unless a method is given, and ends with the response", async () => {
  await using server = new SseServer(stream("data: a\n\n"));
  const { code, stdout } = await run("tail", server.url, "-d", "x");
  assertEquals([code, stdout], [0, "data: a\n\n"]);
  assertEquals(server.requests.map(({ method }) => method), ["POST"]);
});

Deno.test("tail --pretty indents data that is JSON and changes nothing else", async () => {
  const json = '{"b":[1,{"a":12345678901234567890}],"2":{},"1":"x, \\"{"}';
  await using server = new SseServer(
    stream(`data: ${json}\n\ndata: {no\n\ndata: []\n\n`),
  );
  const { stdout } = await run("tail", server.url, "-p", "--no-reconnect");
  const text = stdout.replace(/^data: /gm, "");
  assertEquals(
    text,
    `{
  "b": [
    1,
    {
      "a": 12345678901234567890
    }
  ],
  "2": {},
  "1": "x, \\"{"
}

{no

[]

`,
  );
});

Deno.test("tail --all shows comments and reconnection times where they occur", async () => {
  const body =
    ": one\n\nretry: 5\r\n\r\ndata: a\n\n: two\n\ndata: b\n\n: three\n";
  await using server = new SseServer(stream(body));
  const { stdout } = await run("tail", server.url, "--all", "--no-reconnect");
  assertEquals(
    stdout,
    ": one\n\nretry: 5\n\ndata: a\n\n: two\n\ndata: b\n\n: three\n\n",
  );
});

Deno.test("tail escapes terminal control characters", async () => {
  const text = "\x1b[2J\x9b2J\x07\x7f\tA";
  const shown = "\\u001b[2J\\u009b2J\\u0007\\u007f\tA";
  await using server = new SseServer(
    stream(`:${text}\nid: ${text}\nevent: ${text}\ndata: ${text}\n\n`),
    () => new Response(text, { status: 403 }),
  );
  const { stdout } = await run("tail", server.url, "-a", "--no-reconnect");
  assertEquals(
    stdout,
    `: ${shown}\n\nid: ${shown}\nevent: ${shown}\ndata: ${shown}\n\n`,
  );
  const { stderr } = await run("tail", server.url);
  assert(stderr.endsWith(`:\n${shown}\n`), stderr);
});

Deno.test("tail reconnects and resumes when the connection breaks, and reports it", async () => {
  await using server = new SseServer(
    broken(`${RETRY}id: 1\ndata: a\n\ndata: lost`),
    () => new Response("", { status: 503 }),
    stream("id: 2\ndata: b\n\n"),
  );
  const { code, stdout, stderr } = await run("tail", server.url);
  assertEquals([code, stdout], [0, "id: 1\ndata: a\n\nid: 2\ndata: b\n\n"]);
  assertEquals(
    server.requests.map(({ lastEventId }) => lastEventId),
    [null, "1", "1", "2"],
  );
  assertEquals(stderr.match(/^Connected to /gm)?.length, 2);
  assertMatch(stderr, /^The connection is lost: it answered 503$/m);
  assertMatch(stderr, /^The server has ended the stream$/m);
});

Deno.test("tail --no-reconnect fails when the connection breaks, after the events before", async () => {
  await using server = new SseServer(broken(`${RETRY}id: 1\ndata: a\n\n`));
  const { code, stdout, stderr } = await run(
    ...["tail", server.url, "--no-reconnect"],
  );
  assertEquals([code, stdout], [1, "id: 1\ndata: a\n\n"]);
  assertMatch(stderr, /^error: Cannot read http:.*: ./m);
  assertEquals(server.requests.length, 1);
});

Deno.test("tail fails at once with the reason when the response is not an event stream", async () => {
  const html = { headers: { "content-type": "text/html" } };
  await using server = new SseServer(
    () => new Response("No such room\n", { status: 404 }),
    () => new Response("<p>Hello", html),
    () => new Response(null, { status: 503 }),
  );
  const answers = [
    /^error: Cannot read http:.*: it answered 404 Not Found .*:\nNo such room$/m,
    /^error: .*: it answered 200 OK with text\/html, .*:\n<p>Hello$/m,
    /^error: .*: it answered 503 Service Unavailable with no content type/m,
  ];
  for (const answer of answers) {
    const { code, stdout, stderr } = await run("tail", server.url);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, answer);
  }
  assertEquals(server.requests.length, 3);
});

Deno.test("tail fails at once with the reason when no server is reachable", async () => {
  const server = new SseServer();
  const { url } = server;
  await server[Symbol.asyncDispose]();
  const { code, stderr } = await run("tail", url);
  assertEquals(code, 1);
  assertMatch(stderr, /^error: Cannot read http:.*refused/m);
});

for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`tail exits with 0 at ${name}, connected or not`, async () => {
    await using server = new SseServer(
      endless("data: a\n\n"),
      stream("retry: 1000000\ndata: b\n\n"),
    );
    for (const lastWords of [/data: a/, /server has ended/]) {
      await using cli = start("tail", server.url);
      await cli.until(lastWords);
      cli.signal(name);
      assertEquals(await cli.ended, 0);
      assertEquals(cli.stderr.includes("error"), false);
    }
  });
}

Deno.test("tail exits with 0 when its output is closed", async () => {
  await using server = new SseServer(
    endless("data: a\n\n".repeat(100_000)),
  );
  await using cli = startInShell(
    `${shellLine("tail", server.url)} | head -1; echo "\${PIPESTATUS[0]}"`,
  );
  await cli.ended;
  assertEquals(cli.stdout, "data: a\n0\n");
});

Deno.test("tail prints colours in a terminal, unless NO_COLOR is set", async () => {
  const body = ": a\n\nid: 1\nevent: x\ndata: b: c\n\n";
  await using server = new SseServer(stream(body), stream(body));
  const args = ["tail", server.url, "--all", "--no-reconnect"];
  const painted = startInTerminal(args);
  await painted.ended;
  const paint = (name: string) => `\x1b[36m${name}:\x1b[39m`;
  const lines = painted.stdout.replaceAll("\r", "").split("\n").slice(1);
  assertEquals(lines, [
    "\x1b[2m: a\x1b[22m",
    "",
    `${paint("id")} 1`,
    `${paint("event")} x`,
    `${paint("data")} b: c`,
    "",
    "\x1b[2mThe server has ended the stream\x1b[22m",
    "",
  ]);
  const plain = startInTerminal(args, "NO_COLOR=1");
  await plain.ended;
  assertEquals(plain.stdout.includes("\x1b"), false);
  assertMatch(plain.stdout, /^data: b: c\r$/m);
});
