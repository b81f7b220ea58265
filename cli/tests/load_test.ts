/** `load`, as its user starts it. */
import { assertEquals, assertMatch } from "@std/assert";
import { run, start, startInTerminal } from "./_cli.ts";
import {
  broken,
  endless,
  SseServer,
  stream,
} from "../../tests/support/sse_server.ts";

/** The rows of the final table. */
function rows(stdout: string): Record<string, string> {
  return Object.fromEntries(
    stdout.trimEnd().split("\n").map((line) => line.split(/ +(.*)/)),
  );
}

Deno.test("load counts the events of every connection until the streams end", async () => {
  const text = "retry: 1\n\n" + "data: a\n\n".repeat(300);
  await using server = new SseServer(...Array(5).fill(stream(text)));
  const { code, stdout, stderr } = await run("load", server.url, "-c", "5");
  assertEquals([code, stderr], [0, ""]);
  const { connections, reconnects, failed, events, bytes, latency } = rows(
    stdout,
  );
  assertEquals(
    [connections, reconnects, failed, latency],
    ["5 of 5 made", "0", "0", undefined],
  );
  assertMatch(events!, /^1,500, [\d,]+\/s$/);
  const size = (text.length * 5).toLocaleString("en-US");
  assertEquals(bytes!.startsWith(`${size}, `), true);
  assertEquals(server.requests.length, 10);
});

Deno.test("load sends the same request as tail, and counts reconnections", async () => {
  const body = "retry: 1\nid: 1\ndata: a\n\n";
  await using server = new SseServer(broken(body), stream(body));
  const { code, stdout } = await run(
    ...["load", server.url, "-c", "1", "--since", "0"],
  );
  assertEquals(code, 0);
  assertEquals(
    server.requests.map(({ lastEventId }) => lastEventId),
    ["0", "1", "1"],
  );
  const { connections, reconnects, events } = rows(stdout);
  assertEquals([connections, reconnects], ["1 of 1 made", "1"]);
  assertMatch(events!, /^2, /);
});

for (
  const [path, data] of [
    ["sent", (time: number) => ({ sent: time })],
    ["a.b", (time: number) => ({ a: { b: new Date(time).toISOString() } })],
  ] as const
) {
  Deno.test(`load --latency ${path} measures from the time in the data`, async () => {
    const times = Array.from({ length: 100 }, (_, i) => Date.now() - i * 1e7);
    const frames = times.map((time) =>
      `data: ${JSON.stringify(data(time))}\n\n`
    );
    await using server = new SseServer(
      stream(`retry: 1\ndata: none\n\n${frames.join("")}`),
    );
    const { stdout } = await run(
      ...["load", server.url, "-c", "1", "--latency", path],
    );
    const [, ...values] = rows(stdout).latency!.replaceAll(",", "").match(
      /^p50 (\d+) p90 (\d+) p99 (\d+) max (\d+) ms of 100 events$/,
    )!.map(Number);
    // Accurate to a hundredth, plus the machine's overhead.
    const expected = [49, 89, 98, 99].map((share) => share * 1e7);
    for (const [i, value] of values.entries()) {
      const over = value / expected[i]!;
      assertEquals(over >= 1 && over < 1.011, true, `${value}`);
    }
  });
}

Deno.test("load --latency fails when no event contains such a time", async () => {
  await using server = new SseServer(stream('retry: 1\ndata: {"a":"b"}\n\n'));
  const { code, stderr } = await run(
    ...["load", server.url, "-c", "1", "--latency", "a"],
  );
  assertEquals(code, 1);
  assertMatch(stderr, /^error: No event held a time in its member a$/m);
});

Deno.test("load fails after the table when a connection could not be made", async () => {
  const full = () => new Response("Full", { status: 503 });
  await using server = new SseServer(
    stream("retry: 1\ndata: a\n\n"),
    full,
    full,
  );
  const { code, stdout, stderr } = await run("load", server.url, "-c", "3");
  assertEquals(code, 1);
  const { connections, failed, events } = rows(stdout);
  assertEquals([connections, failed], ["1 of 3 made", "2"]);
  assertMatch(events!, /^1, /);
  assertMatch(stderr, /^error: 2 of 3 connections failed, .*503.*:\nFull$/m);
});

Deno.test("load --duration ends by itself", async () => {
  await using server = new SseServer(...Array(2).fill(endless("data: a\n\n")));
  const { code, stdout } = await run(
    ...["load", server.url, "-c", "2", "--duration", "0.5"],
  );
  assertEquals(code, 0);
  // How many arrive before the end depends on the machine.
  assertMatch(rows(stdout).events!, /^[0-2], /);
});

for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`load prints the table, and ends with 0, at ${name}`, async () => {
    let asked = 0;
    const all = Promise.withResolvers<void>();
    const answer = endless("data: a\n\n");
    await using server = new SseServer(
      ...Array(3).fill((request: Request) => {
        if (++asked === 3) all.resolve();
        return answer(request);
      }),
    );
    await using cli = start("load", server.url, "-c", "3");
    await all.promise;
    cli.signal(name);
    assertEquals(await cli.ended, 0);
    assertMatch(cli.stdout, /^failed +0$/m);
    assertEquals(cli.stderr, "");
  });
}

Deno.test("load shows a live line in a terminal, and replaces it with the table at Ctrl-C", async () => {
  await using server = new SseServer(...Array(2).fill(endless("data: a\n\n")));
  await using cli = startInTerminal(["load", server.url, "-c", "2"]);
  // deno-lint-ignore no-control-regex -- it begins where the line before did
  await cli.until(/\r\x1b\[K\d+ s: 2 open, 2 events, \d+\/s, 0 reconnects/);
  await cli.write("\x03");
  assertEquals(await cli.ended, 0);
  // deno-lint-ignore no-control-regex -- the line is gone
  assertMatch(cli.stdout, /\r\x1b\[Ktime +\d+\.\d s\r\n/);
  assertMatch(cli.stdout, /^connections +2 of 2 made\r$/m);
});
