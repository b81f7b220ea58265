/** The programs of the README and the getting-started pages, as printed, in fresh folders with the packed package. */
import { assertEquals } from "@std/assert";
import * as esbuild from "npm:esbuild@0.25.10";
import type { Browser, Page } from "npm:playwright-core@1.65.1";
import { decode } from "../../../mod.ts";
import { pack } from "../../../tools/packed.ts";
import { toolPath } from "../../_tools.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { App } from "../../support/app.ts";
import { freePort } from "../../support/port.ts";
import { bare, readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { Project } from "../package/package.ts";
import { SseServer, stream } from "../../support/sse_server.ts";

function deno(file: string): [string, ...string[]] {
  const permissions = ["net", "read", "write", "env"]
    .map((name) => `--allow-${name}`);
  return [Deno.execPath(), "run", "--quiet", ...permissions, file];
}

/** `Deno.serve()` listens there, whatever a program says. */
const onPort = { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:$PORT" };

let folder: string;
let tarball: string;
let browser: Browser;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "documents_" });
  [tarball, browser] = await Promise.all([pack(folder), launchChromium()]);
});
Deno.test.afterAll(async () => {
  await browser.close();
  await Deno.remove(folder, { recursive: true });
});

/** Follows a section in a fresh project. */
async function install(
  document: string,
  heading: string,
  ...packages: string[]
): Promise<Project> {
  const section = await readSection(document, heading);
  assertEquals(section.packages, packages.map(bare));
  const project = await Project.empty();
  for (const [name, text] of Object.entries(section.files)) {
    await project.write(name, text);
  }
  await project.install(tarball, ...packages);
  return project;
}

async function publish(url: string, text: string): Promise<void> {
  const response = await fetch(url, { method: "POST", body: text });
  await response.body?.cancel();
  assertEquals(response.ok, true);
}

async function open(url: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(url);
  return page;
}

async function headlines(page: Page): Promise<string[]> {
  return await page.locator("#news li").allTextContents();
}

/** Waits until the page shows the headlines. */
async function shows(page: Page, ...expected: string[]): Promise<void> {
  await until(async () => (await headlines(page)).length >= expected.length);
  assertEquals(await headlines(page), expected);
}

Deno.test("The README's server sends each headline to two tabs, and the last ones to a third", async () => {
  await using project = await install("README.md", "Publish to every client");
  await using app = await App.start(project.folder, deno("server.ts"), {
    env: onPort,
  });
  const [first, second] = [await open(app.url), await open(app.url)];
  for (const page of [first, second]) {
    await page.locator("#status", { hasText: "Live" }).waitFor();
  }
  await publish(`${app.url}/news`, "It rains");
  await shows(first, "It rains");
  await shows(second, "It rains");
  await publish(`${app.url}/news`, "It pours");
  await shows(second, "It rains", "It pours");
  const third = await open(app.url);
  await shows(third, "It rains", "It pours");
  await Promise.all(
    [first, second, third].map((page) => page.context().close()),
  );
});

Deno.test("The README's generator answers a request with its events", async () => {
  const heading = "Answer one request with events";
  await using project = await install("README.md", heading);
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

/** What a model's API sends. */
const answer =
  ["To", " be", ""].map((content) =>
    `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
  ).join("") + "data: [DONE]\n\n";

Deno.test("The README's reader prints what a model's API sends, and fails where the answer was cut", async () => {
  await using api = new SseServer(stream(answer), stream(answer.slice(0, 90)));
  await using project = await install("README.md", "Read a model's API");
  const args = deno("ask.ts").slice(1);
  const run = () =>
    new Deno.Command(Deno.execPath(), {
      args,
      cwd: project.folder,
      env: { API_URL: api.url, NO_COLOR: "1" },
    }).output();
  const whole = await run();
  assertEquals(new TextDecoder().decode(whole.stdout), "To\n be\n\n");
  const cut = await run();
  assertEquals(cut.success, false);
  assertEquals(
    new TextDecoder().decode(cut.stderr).includes("truncated"),
    true,
  );
  assertEquals(api.requests.map(({ method }) => method), ["POST", "POST"]);
});

Deno.test("The README's proxy passes a model's stream on", async () => {
  await using api = new SseServer(stream(answer));
  await using project = await install("README.md", "Pass a model's stream on");
  const env = { ...onPort, API_URL: api.url };
  await using app = await App.start(project.folder, deno("proxy.ts"), { env });
  const response = await fetch(app.url, { method: "POST", body: "{}" });
  assertEquals(await response.text(), `:\n\n${answer}`);
});

Deno.test("The README's answer continues while its client is away", async () => {
  const heading = "Keep an answer through a reload";
  await using project = await install("README.md", heading);
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

for (const runtime of ["deno", "bun"]) {
  Deno.test(`The first server on the page for ${runtime} keeps its events through a restart`, async () => {
    const document = `docs/getting_started_${runtime}.md`;
    await using project = await install(document, "");
    const command = runtime === "deno"
      ? deno("server.ts")
      : [await toolPath("bun"), "server.ts"] as const;
    const port = freePort();
    let page: Page;
    {
      await using app = await App.start(project.folder, command, { port });
      page = await open(app.url);
      await publish(`${app.url}/news`, "It rains");
      await shows(page, "It rains");
    }
    await using app = await App.start(project.folder, command, { port });
    await publish(`${app.url}/news`, "It pours");
    await shows(page, "It rains", "It pours");
    await page.context().close();
  });
}

Deno.test("The first server on the page for Node sends what is published", async () => {
  const packages = ["@hono/node-server@2.1.9"];
  const document = "docs/getting_started_node.md";
  await using project = await install(document, "", ...packages);
  await using app = await App.start(project.folder, ["node", "server.mjs"]);
  const page = await open(app.url);
  await publish(`${app.url}/news`, "It rains");
  await shows(page, "It rains");
  await page.context().close();
});

Deno.test("The Worker on the page for Cloudflare Workers publishes to a channel and follows it", async () => {
  const document = "docs/getting_started_workers.md";
  await using project = await install(document, "");
  const { outputFiles } = await esbuild.build({
    entryPoints: [`${project.folder}/src/index.ts`],
    bundle: true,
    format: "esm",
    write: false,
  });
  await esbuild.stop();
  const source = outputFiles[0]!.text;
  await using workerd = await Workerd.start({
    // The binding has the name of its class here.
    worker: { source: source.replaceAll("CHANNELS", "ChannelObject") },
    classes: { ChannelObject: { sql: true } },
  });
  await using events = decode(await fetch(workerd.url)).values();
  const first = events.next();
  await publish(workerd.url, "It rains");
  assertEquals((await first).value?.data, "It rains");
});
