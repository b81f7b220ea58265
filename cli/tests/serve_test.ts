/** `serve`, as its user starts it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, decode, type ServerSentEvent } from "@rivulet/sse";
import { run, startWithInput } from "./_cli.ts";
import { Socket } from "../../tests/support/socket.ts";
import { succeeds, until } from "../../tests/support/until.ts";

const anyPort = ["serve", "--port", "0"];

/** Returns the data of the first events that a new client receives. */
async function readData(url: string, count: number): Promise<string[]> {
  const data: string[] = [];
  for await (const event of decode(await fetch(url))) {
    if (data.push(event.data) === count) break;
  }
  return data;
}

/** Reads to the end of the stream as a new client: the events, and the ID it would resume with. */
async function readAll(
  url: string,
): Promise<{ events: ServerSentEvent[]; lastEventId: string }> {
  const stream = decode(await fetch(url));
  const events = await Array.fromAsync(stream);
  return { events, lastEventId: stream.lastEventId };
}

Deno.test("serve sends each line to every client, sends later clients the history, and then ends", async () => {
  await using cli = startWithInput(...anyPort);
  const url = await cli.url();
  const early = readAll(url);
  await cli.write("one\n\n  thr");
  assertEquals(await readData(url, 2), ["one", ""]);
  await cli.write("ee é\r\nlast");
  await cli.endInput();
  const { events, lastEventId } = await early;
  assertEquals(
    events.map(({ data }) => data),
    ["one", "", "  three é", "last"],
  );
  assertEquals(await readAll(url), { events, lastEventId });
  const headers = { "last-event-id": lastEventId };
  assertEquals((await fetch(url, { headers })).status, 204);
});

Deno.test("serve resumes a client after its last event ID", async () => {
  await using cli = startWithInput(...anyPort);
  const url = await cli.url();
  await cli.write("one\ntwo\nthree\n");
  const [first] = await Array.fromAsync(
    connect(url, { until: ({ data }) => data === "one" }),
  );
  const rest = connect(url, {
    lastEventId: first!.id,
    until: ({ data }) => data === "three",
  });
  assertEquals(
    (await Array.fromAsync(rest)).map(({ data }) => data),
    ["two", "three"],
  );
});

Deno.test("serve --history limits the number of events kept", async () => {
  await using cli = startWithInput(...anyPort, "--history", "2");
  const url = await cli.url();
  const early = decode(await fetch(url), { until: "4" });
  await cli.write("1\n2\n3\n4\n");
  for await (const _ of early);
  assertEquals(await readData(url, 2), ["3", "4"]);
});

Deno.test("serve --json reads lines of JSON as events", async () => {
  await using cli = startWithInput(...anyPort, "--json");
  const url = await cli.url();
  await cli.write('{"event":"tick","data":"a\\nb","id":"its own"}\n\n');
  await cli.write('{"data":{"n":[1]},"time":"2026-01-01T00:00:00Z"}\n');
  await cli.write('{"retry":7,"comment":"hi"}\n{"data":null}\n');
  await cli.endInput();
  const { events } = await readAll(url);
  assertEquals(
    events.map(({ event, data }) => [event, data]),
    [["tick", "a\nb"], ["message", '{"n":[1]}'], ["message", "null"]],
  );
  // The IDs are the history's.
  assertMatch(events[0]!.id, /-1$/);
  const text = await (await fetch(url)).text();
  assertMatch(text, /: hi\nretry: 7\n/);
});

for (
  const [line, why] of [
    ["no JSON", /is not valid JSON/],
    ["[1]", /it must be an object/],
    ['{"dta":"a"}', /its members must be of time, event, .*: received dta/],
    ['{"event":"a\\nb"}', /event must not contain U\+000A/],
    ['{"time":"soon"}', /its time must be as in 2026/],
  ] as const
) {
  Deno.test(`serve --json exits with 1 at the line ${line}, after the lines before it`, async () => {
    await using cli = startWithInput(...anyPort, "--json");
    const response = await fetch(await cli.url());
    await cli.write(`{"data":"a"}\n${line}\n`);
    assertEquals(await cli.ended, 1);
    assertMatch(cli.stderr, /^error: Cannot serve line 2: ./m);
    assertMatch(cli.stderr, why);
    assertMatch(await response.text(), /^data: a\n\n/m);
  });
}

for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`serve ends its streams and exits with 0 at ${name}`, async () => {
    await using cli = startWithInput(...anyPort);
    const url = await cli.url();
    await cli.write("one\n");
    const reader = decode(await fetch(url)).getReader();
    assertEquals((await reader.read()).value?.data, "one");
    cli.signal(name);
    // It would fail if the connection were cut.
    assert((await reader.read()).done);
    assertEquals(await cli.ended, 0);
    assertEquals(cli.stderr, `Listening on ${url}\n`);
  });
}

Deno.test("serve --host listens on that address, and a second SIGINT does not wait for clients that do not read", async () => {
  await using cli = startWithInput(...anyPort, "--host", "localhost");
  const url = await cli.url();
  assertEquals(new URL(url).hostname, "localhost");
  // One event, larger than all buffers on the way.
  await cli.write(`${"x".repeat(32 * 1024 * 1024)}\n`);
  using socket = await Socket.open(url);
  await socket.until("data: ");
  cli.signal("SIGINT");
  await until(async () =>
    !await succeeds(fetch(url).then(({ body }) => body?.cancel()))
  );
  cli.signal("SIGINT");
  assertEquals(await cli.ended, 130);
});

Deno.test("serve fails when its port is in use", async () => {
  await using cli = startWithInput(...anyPort);
  const { port } = new URL(await cli.url());
  const { code, stderr } = await run("serve", "--port", port);
  assertEquals(code, 1);
  assertMatch(stderr, /^error: Cannot listen on 127\.0\.0\.1:\d+: .*in use/m);
});
