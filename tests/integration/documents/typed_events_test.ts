/** The programs that docs/typed_events.md prints, in a folder as their reader has them. */
import { assertEquals, assertRejects } from "@std/assert";
import project from "../../../deno.json" with { type: "json" };
import { type Channel, decode, EventStreamError } from "../../../mod.ts";
import type { EventSource } from "../../../src/client/mod.ts";
import type { EventContract } from "../../../src/contract.ts";
import { runDeno } from "../../../tools/command.ts";
import { type HandlerModule, serveHandler } from "../../support/program.ts";
import { stream } from "../../support/sse_server.ts";
import { until } from "../../support/until.ts";

const page = "docs/typed_events.md";
const url = "https://example.com/prices";
const request = new Request(url);
let folder: string;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir();
  const text = await Deno.readTextFile(page);
  for (
    const [, name, code] of text.matchAll(
      /^```ts[^\n]*\n\/\/ (\S+)\n(.*?)^```$/gms,
    )
  ) await Deno.writeTextFile(`${folder}/${name}`, code!);
});
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

function load<T>(name: string): Promise<T> {
  return import(`file://${folder}/${name}`);
}

/** Decodes an event stream by a contract that a program exports. */
async function received(
  contract: unknown,
  text: string,
): Promise<[string, unknown][]> {
  const response = await stream(text)(request);
  const options = { contract: contract as EventContract };
  const events: [string, unknown][] = [];
  for await (const { event, data } of decode(response, options)) {
    events.push([event, data]);
  }
  return events;
}

Deno.test("The programs of docs/typed_events.md type-check", async () => {
  const files = [...Deno.readDirSync(folder)]
    .map(({ name }) => `${folder}/${name}`);
  assertEquals(files.length, 10);
  const imports = Object.entries(project.exports).map(([key, path]) => [
    key.replace(".", project.name),
    new URL(path, `file://${Deno.cwd()}/`).href,
  ]);
  const config = `${folder}/deno.json`;
  const settings = { imports: Object.fromEntries(imports) };
  await Deno.writeTextFile(config, JSON.stringify(settings));
  const args = ["check", "--quiet", "--no-lock", "--config", config, ...files];
  const { success, output } = await runDeno(args);
  assertEquals(success, true, output);
});

Deno.test("The channel of docs/typed_events.md sends JSON, and rejects invalid data and unknown events", async () => {
  const { handler, tick, channel } = await load<
    HandlerModule & {
      tick(symbol: string, price: number): Promise<void>;
      readonly channel: Channel;
    }
  >("server.ts");
  const response = await handler(request);
  const error = await assertRejects(() => tick("ACME", -1), EventStreamError);
  assertEquals([error.code, error.issues?.map(({ path }) => path)], [
    "invalid-event",
    [["price"]],
  ]);
  await assertRejects(
    () => channel.publish({ event: "tock", data: "" }),
    TypeError,
  );
  await tick("ACME", 42);
  for await (const { event, data } of decode(response)) {
    assertEquals([event, data], ["tick", '{"symbol":"ACME","price":42}']);
    break;
  }
});

Deno.test("The generator of docs/typed_events.md sends the events it encodes", async () => {
  const { handler } = await load<HandlerModule>("tick.ts");
  const text = await (await handler(request)).text();
  const frame = 'id: 1\nevent: tick\ndata: {"symbol":"ACME","price":42}\n\n';
  assertEquals(text, `:\n\n${frame}`);
});

Deno.test("The clients of docs/typed_events.md receive objects", async () => {
  const text = 'event: tick\ndata: {"symbol":"ACME","price":42}\n\n' +
    'event: chat-message\ndata: {"from":"Ada","text":"Sell!"}\n\n';
  await using server = serveHandler(stream(text));
  const code = await Deno.readTextFile(`${folder}/client.ts`);
  await Deno.writeTextFile(
    `${folder}/local_client.ts`,
    code.replace(url, server.url),
  );
  const { follow, watch } = await load<{
    follow(show: (line: string) => void): Promise<void>;
    watch(show: (price: number) => void): EventSource;
  }>("local_client.ts");
  const lines: string[] = [];
  await follow((line) => lines.push(line));
  assertEquals(lines, ["ACME at 42.00", "Ada: Sell!"]);
  const prices: number[] = [];
  const source = watch((price) => prices.push(price));
  await until(() => prices.length > 0);
  source.close();
  assertEquals(prices[0], 42);
});

Deno.test("The schema of docs/typed_events.md transforms received data", async () => {
  const { meetings, read } = await load<{
    readonly meetings: EventContract;
    read(response: Response): Promise<Date[]>;
  }>("meetings.ts");
  const text = 'event: meeting\ndata: {"at":"2027-01-01T09:00:00Z"}\n\n';
  const dates = await read(await stream(text)(request));
  assertEquals(dates.map((date) => date.getUTCFullYear()), [2027]);
  const [[, data]] = await received(meetings, text) as [[string, unknown]];
  assertEquals((data as { room: string }).room, "lobby");
  const date = { event: "meeting", data: { at: new Date(NaN) } };
  const encode = meetings.encode as (init: unknown) => unknown;
  await assertRejects(async () => await encode(date), EventStreamError);
});

Deno.test("The contracts of docs/typed_events.md skip unlisted events and invalid data", async () => {
  const text = 'event: tick\ndata: {"price":1}\n\nevent: gap\ndata: {}\n\n' +
    'event: tick\ndata: {"price":"2"}\n\nevent: tick\ndata: {"price":3}\n\n';
  const { listed } = await load<{ readonly listed: unknown }>("listed.ts");
  const error = await assertRejects(
    () => received(listed, text),
    EventStreamError,
  );
  assertEquals([error.code, error.event?.data], [
    "invalid-event",
    '{"price":"2"}',
  ]);
  assertEquals(await received(listed, text.replace('"2"', "2")), [
    ["tick", { price: 1 }],
    ["tick", { price: 2 }],
    ["tick", { price: 3 }],
  ]);
  const { tolerant } = await load<{ readonly tolerant: unknown }>(
    "tolerant.ts",
  );
  const warnings: unknown[] = [];
  const { warn } = console;
  console.warn = (message) => void warnings.push(message);
  try {
    assertEquals(await received(tolerant, text), [
      ["tick", { price: 1 }],
      ["gap", "{}"],
      ["tick", { price: 3 }],
    ]);
  } finally {
    console.warn = warn;
  }
  assertEquals(warnings.length, 1);
});

Deno.test("The asynchronous schema of docs/typed_events.md accepts known symbols", async () => {
  const { known } = await load<{ readonly known: unknown }>("known.ts");
  const text = 'event: tick\ndata: {"symbol":"ACME"}\n\n' +
    'event: tick\ndata: {"symbol":"EMCA"}\n\n';
  assertEquals(await received(known, text), [["tick", { symbol: "ACME" }]]);
});

Deno.test("The types and json() of docs/typed_events.md describe what is sent and received", async () => {
  const { tick, show } = await load<{
    tick(price: number): unknown;
    show(event: unknown): string;
  }>("types.ts");
  assertEquals(show(tick(1)), "ACME");
  const { read } = await load<{ read(response: Response): Promise<string> }>(
    "answer.ts",
  );
  const text = 'data: {"delta":"Hi"}\n\ndata: [DONE]\n\n';
  assertEquals(await read(await stream(text)(request)), "Hi");
});
