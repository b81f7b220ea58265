/** The programs that docs/pipelines.md prints, with an upstream on a socket. */
import { assertEquals, assertRejects } from "@std/assert";
import { decode, EventStreamError } from "../../../mod.ts";
import {
  type Handler,
  type HandlerModule,
  importProgram,
  serveHandler,
} from "../../support/program.ts";
import { OLDEST_WORKERD } from "../../_tools.ts";
import { readSection } from "../../support/section.ts";
import { bundle } from "../../support/served.ts";
import { Workerd } from "../../support/workerd.ts";
import { broken, stream } from "../../support/sse_server.ts";

const page = "docs/pipelines.md";
const done = "data: [DONE]\n\n";
const request = new Request("https://example.com/");

/** Runs the program of a section with this upstream; returns name, data and ID of each event, and the module. */
async function run<T = unknown>(
  heading: string,
  upstream: Handler,
  given: Request = request,
): Promise<{ events: string[][]; program: T }> {
  await using server = serveHandler(upstream);
  const program = await importProgram<T & HandlerModule>(
    page,
    heading,
    "server.ts",
    { "https://api.example.com": server.url },
  );
  const response = await program.handler(given);
  const events = [];
  for await (const { event, data, id } of decode(response)) {
    events.push(id === "" ? [event, data] : [event, data, id]);
  }
  return { events, program };
}

Deno.test("The pipeline of docs/pipelines.md changes an upstream's events and adds its own", async () => {
  const text =
    'data: {"delta":"To"}\n\ndata: {"delta":" be"}\n\ndata: [DONE]\n\n';
  const { events } = await run("Transform an upstream", stream(text));
  assertEquals(events, [
    ["status", "started"],
    ["delta", "To"],
    ["delta", " be"],
    ["status", "done"],
  ]);
});

Deno.test("The proxy of docs/pipelines.md forwards events with their IDs, and reports a broken upstream", async () => {
  const ids: (string | null)[] = [];
  const errors: unknown[] = [];
  const { error } = console;
  console.error = (reason) => void errors.push(reason);
  try {
    const headers = { "last-event-id": "6" };
    const { events } = await run(
      "Pass on unchanged",
      (request) => {
        ids.push(request.headers.get("last-event-id"));
        return stream("id:7\ndata:To be\n\n")(request);
      },
      new Request(request.url, { headers }),
    );
    assertEquals(ids, ["6"]);
    assertEquals(events, [
      ["message", "To be", "7"],
      ["failed", "The feed broke off", "7"],
    ]);
    assertEquals(errors.length, 1);
    const whole = await run("Pass on unchanged", stream("data:[DONE]\n\n"));
    assertEquals(whole.events, [["message", "[DONE]"]]);
  } finally {
    console.error = error;
  }
});

Deno.test("The proxy of docs/pipelines.md responds 502 when the upstream refuses the request", async () => {
  const { error } = console;
  const errors: unknown[] = [];
  console.error = (reason) => void errors.push(reason);
  try {
    await using server = serveHandler(() => new Response("", { status: 429 }));
    const heading = "Pass on unchanged";
    const { handler } = await importProgram<HandlerModule>(
      page,
      heading,
      "server.ts",
      { "https://api.example.com": server.url },
    );
    assertEquals((await handler(request)).status, 502);
    assertEquals(errors.length, 1);
  } finally {
    console.error = error;
  }
});

Deno.test(`The proxy of docs/pipelines.md without onBreak ends its response in workerd ${OLDEST_WORKERD} as if the upstream were complete, and breaks it off in the newest`, async () => {
  const { files } = await readSection(page, "Pass on unchanged");
  const program = files["server.ts"]!.replace(/^ *onBreak: .*\n/m, "");
  assertEquals(program.includes("onBreak"), false);
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/server.ts`, program);
  await Deno.writeTextFile(
    `${folder}/worker.ts`,
    `import { handler } from "./server.ts";
    const headers = { "content-type": "text/event-stream" };
    globalThis.fetch = async () => new Response("data: half\\n\\n", { headers });
    export default { fetch: handler };`,
  );
  const source = await bundle(`${folder}/worker.ts`);
  await Deno.remove(folder, { recursive: true });
  const worker = { source };
  await using oldest = await Workerd.start({ worker, version: OLDEST_WORKERD });
  const text = await (await fetch(oldest.url)).text();
  assertEquals(text, ":\n\ndata: half\n\n");
  await using newest = await Workerd.start({ worker });
  const response = await fetch(newest.url);
  await assertRejects(() => response.text(), TypeError);
});

Deno.test("The transform streams of docs/pipelines.md leave out, number and count events", async () => {
  const text =
    "event: ping\ndata\n\ndata: a\n\nevent: ping\ndata\n\ndata: b\n\n";
  const { events } = await run("Use transform streams", stream(text));
  assertEquals(events, [
    ["message", "a", "1"],
    ["message", "b", "2"],
    ["end", "2", "2"],
  ]);
});

Deno.test("The merged sources of docs/pipelines.md keep the order of each", async () => {
  const { events } = await run("Merge several sources", (request) => {
    const isSmall = request.url.endsWith("/small");
    const text = isSmall ? "data: Yes\n\n" : "data: It\n\ndata: depends\n\n";
    return stream(text + done)(request);
  });
  const of = (model: string) =>
    events.filter(([name]) => name === model).map(([, data]) => data);
  assertEquals(of("small"), ["Yes"]);
  assertEquals(of("large"), ["It", "depends"]);
});

Deno.test("The batches of docs/pipelines.md combine the events of one read into one", async () => {
  const text = "data: To\n\ndata:  be\n\ndata:  or\n\n" + done;
  const { events } = await run("Send fewer, larger events", stream(text));
  assertEquals(events, [["message", "To be or"]]);
});

Deno.test("The pipeline of docs/pipelines.md stores what it has sent, and nothing if the upstream ends before its marker", async () => {
  const heading = "Store the answer";
  const text = "data: To\n\ndata:  be\n\n";
  type Program = HandlerModule & { readonly answers: string[] };
  const whole = await run<Program>(heading, stream(text + done));
  assertEquals(whole.events.map(([, data]) => data), ["To", " be"]);
  assertEquals(whole.program.answers, ["To be"]);

  await using server = serveHandler(stream(text));
  const replacements = { "https://api.example.com": server.url };
  const { answers, handler } = await importProgram<Program>(
    page,
    heading,
    "server.ts",
    replacements,
  );
  const { code } = await assertRejects(
    async () => await (await handler(request)).text(),
    EventStreamError,
  );
  assertEquals(code, "truncated");
  assertEquals(answers, []);
});

Deno.test("The pipeline of docs/pipelines.md sends how its upstream ended", async () => {
  const half = await run("Handle errors", stream("data: half\n\n"));
  assertEquals(half.events, [["message", "half"], ["failed", "It broke off"]]);
  const cut = await run("Handle errors", broken("data: half\n\n"));
  assertEquals(cut.events, half.events);
  const refused = await run(
    "Handle errors",
    () => new Response("Too many", { status: 429 }),
  );
  assertEquals(refused.events, [["failed", "Try again in a minute"]]);
});
