/** `record` and `replay`, as their user starts them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, decode, type ServerSentEvent } from "@rivulet/sse";
import { run, start } from "./_cli.ts";
import { endless, SseServer, stream } from "../../tests/support/sse_server.ts";
import { pause } from "../../tools/pause.ts";

const events: ServerSentEvent[] = [
  { event: "message", data: "a", id: "" },
  { event: "tick", data: 'two\n"lines"', id: "é 1" },
  { event: "message", data: "", id: "é 1" },
  { event: "tick", data: "\u0000\u2028", id: "2" },
];
const body = "retry: 1\ndata: a\n\nid: é 1\nevent: tick\ndata: two\n" +
  'data: "lines"\n\ndata\n\nid: 2\nevent: tick\ndata: \0\u2028\n\n';

/** A folder for one test. */
async function makeFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "cli_" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** Reads a recording without its times, which must be some. */
function parse(recording: string): ServerSentEvent[] {
  return recording.trimEnd().split("\n").map((line) => {
    const { time, ...event } = JSON.parse(line);
    assertEquals(time, new Date(time).toISOString());
    return event;
  });
}

/** Writes a recording by hand. */
async function write(folder: string, events: object[]): Promise<string> {
  const lines = events.map((event) => `${JSON.stringify(event)}\r\n`);
  await Deno.writeTextFile(`${folder}/a`, lines.join(""));
  return `${folder}/a`;
}

async function replayed(url: string): Promise<ServerSentEvent[]> {
  return await Array.fromAsync(
    connect(url, { retry: { minDelay: 0, delay: 0 } }),
  );
}

Deno.test("record writes each event and its time as a line of JSON until the stream ends", async () => {
  await using folder = await makeFolder();
  await using server = new SseServer(stream(body));
  const file = `${folder.path}/a`;
  const { code, stdout, stderr } = await run("record", server.url, file);
  assertEquals([code, stdout], [0, ""]);
  assertMatch(stderr, /^Recorded 4 events$/m);
  const recording = await Deno.readTextFile(file);
  assertEquals(parse(recording), events);
  assert(recording.endsWith("\n"));
});

Deno.test("record writes to standard output when the file is -", async () => {
  await using server = new SseServer(stream(body));
  const { code, stdout } = await run(
    ...["record", server.url, "-", "--no-reconnect"],
  );
  assertEquals([code, parse(stdout)], [0, events]);
});

Deno.test("record does not overwrite an existing file", async () => {
  await using folder = await makeFolder();
  const file = `${folder.path}/a`;
  await Deno.writeTextFile(file, "precious");
  await using server = new SseServer();
  const { code, stderr } = await run("record", server.url, file);
  assertEquals(code, 1);
  assertMatch(stderr, /^error: Cannot make the file .*exists/m);
  assertEquals(await Deno.readTextFile(file), "precious");
});

Deno.test("record leaves no file when it received no event", async () => {
  await using folder = await makeFolder();
  await using server = new SseServer(() => new Response("<p>"));
  for (const expected of [1, 0]) {
    const { code } = await run("record", server.url, `${folder.path}/a`);
    assertEquals(code, expected);
    assertEquals([...Deno.readDirSync(folder.path)], []);
  }
});

for (
  const [name, code] of [["SIGINT", 0], ["SIGTERM", 0], [
    "SIGKILL",
    137,
  ]] as const
) {
  Deno.test(`record keeps the events received so far when it gets ${name}`, async () => {
    await using folder = await makeFolder();
    await using server = new SseServer(endless(body));
    const file = `${folder.path}/a`;
    await using cli = start("record", server.url, file);
    const isThere = () => {
      try {
        return Deno.readTextFileSync(file).split("\n").length > 4;
      } catch {
        return false;
      }
    };
    while (!isThere()) await pause(10);
    cli.signal(name);
    assertEquals(await cli.ended, code);
    assertEquals(parse(await Deno.readTextFile(file)), events);
  });
}

Deno.test("replay sends a recording to every client, and then ends", async () => {
  await using folder = await makeFolder();
  await using server = new SseServer(stream(body));
  const file = `${folder.path}/a`;
  await run("record", server.url, file, "--no-reconnect");
  await using cli = start("replay", file, "--port", "0");
  const url = await cli.url();
  assertEquals(
    await Promise.all([replayed(url), replayed(url)]),
    [events, events],
  );
  const second = await run("record", url, "-", "--no-reconnect");
  assertEquals(parse(second.stdout), events);
});

Deno.test("replay resumes after the last event ID", async () => {
  await using folder = await makeFolder();
  const file = await write(folder.path, events);
  await using cli = start("replay", file, "--port", "0");
  const url = await cli.url();
  const read = (lastEventId: string) =>
    Array.fromAsync(connect(url, { lastEventId, reconnectOnEnd: false }));
  assertEquals(await read("é 1"), events.slice(3));
  for (const id of ["", "unknown"]) assertEquals((await read(id)).length, 4);
  const headers = { "last-event-id": "2" };
  assertEquals((await fetch(url, { headers })).status, 204);
});

const hourly = Array.from({ length: 4 }, (_, hour) => ({
  time: `2026-01-01T0${hour}:00:00.000Z`,
  id: `${hour}`,
  data: "a",
}));

Deno.test("replay keeps the recorded pace, and at SIGINT ends its streams and exits with 0", async () => {
  await using folder = await makeFolder();
  const file = await write(folder.path, hourly);
  await using cli = start("replay", file, "--port", "0");
  const reader = decode(await fetch(await cli.url())).getReader();
  assertEquals((await reader.read()).value?.id, "0");
  cli.signal("SIGINT");
  assert((await reader.read()).done);
  assertEquals(await cli.ended, 0);
});

for (const speed of ["max", "3.6e7"]) {
  Deno.test(`replay --speed ${speed} shortens hours`, async () => {
    await using folder = await makeFolder();
    const file = await write(folder.path, hourly);
    await using cli = start("replay", file, "-p", "0", "--speed", speed);
    const url = await cli.url();
    assertEquals(
      (await replayed(url)).map(({ id }) => id),
      ["0", "1", "2", "3"],
    );
  });
}

Deno.test("replay keeps the recorded pace after the last event ID", async () => {
  await using folder = await makeFolder();
  const later = { ...hourly[3], time: "2026-01-01T02:00:00.001Z" };
  const file = await write(folder.path, [...hourly.slice(0, 3), later]);
  await using cli = start("replay", file, "--port", "0");
  const headers = { "last-event-id": "2" };
  // Two hours and a millisecond after the first event, which this client has.
  const response = await fetch(await cli.url(), { headers });
  assertMatch(await response.text(), /id: 3\ndata: a\n\n$/);
});

Deno.test("replay reports what is wrong with a file", async () => {
  await using folder = await makeFolder();
  const good = JSON.stringify(hourly[0]);
  for (
    const [text, why] of [
      [`${good}\n\n{"data":`, /Cannot replay line 3 of .*: .*JSON/],
      [`${good}\n{"id":{}}`, /Cannot replay line 2 of .*: .*id must be a str/],
      ["\n", /Cannot replay .*: it is empty/],
    ] as const
  ) {
    const file = `${folder.path}/a`;
    await Deno.writeTextFile(file, text);
    const { code, stderr } = await run("replay", file, "--port", "0");
    assertEquals(code, 1);
    assertMatch(stderr, why);
  }
  const { code, stderr } = await run("replay", `${folder.path}/none`);
  assertEquals(code, 1);
  assertMatch(stderr, /^error: Cannot replay .*none: No such file/m);
});
