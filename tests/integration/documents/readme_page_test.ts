/** The programs of the README, as printed. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { decode } from "../../../mod.ts";
import { App } from "../../support/app.ts";
import { SseServer, stream } from "../../support/sse_server.ts";
import { deno, onPort, publish, Reader, shows } from "./reader.ts";

let reader: Reader;

Deno.test.beforeAll(async () => void (reader = await Reader.start()));
Deno.test.afterAll(() => reader[Symbol.asyncDispose]());

Deno.test("The README's server sends each headline to two tabs, and the latest ones to a third; the page shows when EventSource gives up", async () => {
  await using project = await reader.install(
    "README.md",
    "Publish to every client",
  );
  await using app = await App.start(project.folder, deno("server.ts"), {
    env: onPort,
  });
  const [first, second] = [
    await reader.open(app.url),
    await reader.open(app.url),
  ];
  for (const page of [first, second]) {
    await page.locator("#status", { hasText: "Live" }).waitFor();
  }
  await publish(`${app.url}/news`, "It rains");
  await shows(first, "#news", "It rains");
  await shows(second, "#news", "It rains");
  await publish(`${app.url}/news`, "It pours");
  await shows(second, "#news", "It rains", "It pours");
  const third = await reader.open(app.url);
  await shows(third, "#news", "It rains", "It pours");
  await app.kill();
  const port = Number(new URL(app.url).port);
  await using _ = Deno.serve(
    { hostname: "127.0.0.1", port, onListen() {} },
    () => new Response(null, { status: 502 }),
  );
  await third.locator("#status", { hasText: "Closed: reload" }).waitFor();
  await Promise.all(
    [first, second, third].map((page) => page.context().close()),
  );
});

Deno.test("The README's generator answers a request with its events", async () => {
  const heading = "Answer one request with events";
  await using project = await reader.install("README.md", heading);
  await using app = await App.start(
    project.folder,
    deno("progress.ts"),
    { env: onPort },
  );
  const events = await Array.fromAsync(decode(await fetch(app.url)));
  assertEquals(events.map(({ event, data }) => [event, data]), [
    ["progress", "Reading"],
    ["progress", "Thinking"],
    ["progress", "Writing"],
    ["done", ""],
  ]);
});

const start = ["To", " be", ""].map((content) =>
  `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
).join("");

/** What a model's API sends, with this chunk before the end marker. */
function answerEndingWith(chunk: unknown): string {
  return `${start}data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`;
}

function finish(finish_reason: string): string {
  return answerEndingWith({ choices: [{ delta: {}, finish_reason }] });
}

const answer = finish("stop");

Deno.test("The README's reader prints what a model's API sends, and fails when the answer is cut off, cut short or ends with an error", async () => {
  await using api = new SseServer(
    stream(answer),
    stream(answer.slice(0, 90)),
    stream(finish("length")),
    stream(answerEndingWith({ error: { message: "Overloaded" } })),
  );
  await using project = await reader.install("README.md", "Read a model's API");
  const args = deno("ask.ts").slice(1);
  const run = () =>
    new Deno.Command(Deno.execPath(), {
      args,
      cwd: project.folder,
      env: { API_URL: api.url, NO_COLOR: "1" },
    }).output();
  const whole = await run();
  assertEquals(new TextDecoder().decode(whole.stdout), "To\n be\n");
  assertEquals(whole.success, true);
  for (const reason of ["truncated", '"length"', "Overloaded"]) {
    const { success, stderr } = await run();
    assertEquals(success, false);
    assertStringIncludes(new TextDecoder().decode(stderr), reason);
  }
  assertEquals(api.requests.map(({ method }) => method), [
    "POST",
    "POST",
    "POST",
    "POST",
  ]);
});

Deno.test("The README's proxy forwards a model's stream", async () => {
  await using api = new SseServer(stream(answer));
  await using project = await reader.install(
    "README.md",
    "Forward a model's stream",
  );
  const env = { ...onPort, API_URL: api.url };
  await using app = await App.start(project.folder, deno("proxy.ts"), { env });
  const response = await fetch(app.url, { method: "POST", body: "{}" });
  assertEquals(await response.text(), `:\n\n${answer}`);
});

Deno.test("The README's answer continues while its client is disconnected", async () => {
  const heading = "Keep an answer across a reload";
  await using project = await reader.install("README.md", heading);
  await using app = await App.start(project.folder, deno("answers.ts"), {
    env: onPort,
  });
  let lastEventId = "";
  for await (const { id, data } of decode(await fetch(app.url))) {
    lastEventId = id;
    if (data === "word 3") break;
  }
  const headers = { "last-event-id": lastEventId };
  const rest = await Array.fromAsync(
    decode(await fetch(app.url, { headers })),
  );
  assertEquals(
    rest.map(({ data }) => data),
    Array.from({ length: 97 }, (_, i) => `word ${i + 4}`),
  );
});
