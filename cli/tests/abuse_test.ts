/** Hostile text through `serve` and `tail`. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decode } from "@rivulet/sse";
import { run, startWithInput } from "./_cli.ts";
import { SseServer, stream } from "../../tests/support/sse_server.ts";

const texts = {
  "NUL": "a\0b",
  "line separators of Unicode": "a\u2028b\u2029c\u0085d",
  "text against the writing direction": "a\u202Egnp.exe\u2069",
  "a byte order mark": "\uFEFFa",
  "what looks like fields": "data: x",
  "a very long text": "\u4F60".repeat(500_000),
};

Deno.test("serve sends hostile lines unchanged, each as the data of one event", async () => {
  await using cli = startWithInput("serve", "--port", "0");
  const lines = Object.values(texts);
  const response = await fetch(await cli.url());
  await cli.write(`${lines.join("\n")}\n`);
  await cli.endInput();
  const seen: string[] = [];
  for await (const { event, data } of decode(response)) {
    assertEquals(event, "message");
    seen.push(data);
  }
  assertEquals(seen, lines);
});

Deno.test("serve --json sends hostile text in every field unchanged", async () => {
  await using cli = startWithInput("serve", "--port", "0", "--json");
  const response = await fetch(await cli.url());
  const names = Object.values(texts);
  for (const text of names) {
    const init = { event: text, data: `${text}\r\n${text}`, comment: text };
    await cli.write(`${JSON.stringify(init)}\n`);
  }
  await cli.endInput();
  const seen: string[][] = [];
  for await (const { event, data } of decode(response)) {
    seen.push([event, data]);
  }
  assertEquals(seen, names.map((text) => [text, `${text}\n${text}`]));
});

for (
  const [field, text] of [
    ["event", "a\\nid: 9"],
    ["event", "\\ud800"],
    ["data", "\\udc00"],
    ["comment", "\\ud800"],
    ["id", "a\\u0000"],
    ["__proto__", "x"],
    ["constructor", "x"],
  ]
) {
  Deno.test(`serve --json rejects ${text} in ${field}, and sends none of it`, async () => {
    await using cli = startWithInput("serve", "--port", "0", "--json");
    const response = await fetch(await cli.url());
    await cli.write(`{"data":"a"}\n{"data":"b","${field}":"${text}"}\n`);
    assertEquals(await cli.ended, 1);
    assertMatch(cli.stderr, /^error: Cannot serve line 2: /m);
    const seen: string[] = [];
    for await (const { data } of decode(response)) seen.push(data);
    assertEquals(seen, ["a"]);
  });
}

Deno.test("tail prints no terminal control characters", async () => {
  const text = "a\x1b[2Jb\x9bc\u202Ed\u2066e\x7ff\bg";
  await using server = new SseServer(
    stream(`:${text}\nevent: ${text}\nid: ${text}\ndata: ${text}\n\n`),
  );
  const { stdout, stderr } = await run(
    "tail",
    server.url,
    "--all",
    "--no-reconnect",
  );
  assertMatch(
    stdout,
    /data: a\\u001b\[2Jb\\u009bc\\u202ed\\u2066e\\u007ff\\u0008g/,
  );
  // deno-lint-ignore no-control-regex -- all that steers but tabs and line feeds
  const steering = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;
  assert(!steering.test(stdout + stderr), stdout + stderr);
});
