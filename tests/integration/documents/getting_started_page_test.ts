/** The programs of the getting-started pages, as printed. */
import { assertEquals } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { toolPath } from "../../_tools.ts";
import { App } from "../../support/app.ts";
import { freePort } from "../../support/port.ts";
import { readSection } from "../../support/section.ts";
import type { Project } from "../package/package.ts";
import { onPort, printedCommand, publish, Reader, shows } from "./reader.ts";

let reader: Reader;

Deno.test.beforeAll(async () => void (reader = await Reader.start()));
Deno.test.afterAll(() => reader[Symbol.asyncDispose]());

const clientHeading = "Use this package's client";

/** Follows a page that takes `page.html` from the README. */
async function start(name: string, ...packages: string[]): Promise<Project> {
  const document = `docs/getting_started_${name}.md`;
  const project = await reader.install(document, "", ...packages);
  const heading = "Publish to every client";
  const { files } = await readSection("README.md", heading);
  await project.write("page.html", files["page.html"]!);
  return project;
}

/** Puts the package's client into the page, as the section describes; the command bundles it. */
async function useClient(project: Project, name: string): Promise<string[]> {
  const document = `docs/getting_started_${name}.md`;
  const text = await Deno.readTextFile(document);
  const section = text.split(`## ${clientHeading}\n`)[1]!.split("\n## ")[0]!;
  const [client, command, route, script] = [
    ...section.matchAll(/^```[^\n]*\n(.*?)^```$/gms),
  ].map(([, code]) => code!);
  await project.write("client.ts", client!);
  const replace = async (file: string, before: RegExp, after: string) => {
    const code = await Deno.readTextFile(`${project.folder}/${file}`);
    assertEquals([...code.matchAll(before)].length, 1, `${before}`);
    await project.write(file, code.replace(before, () => after));
  };
  await replace("server.ts", /^(?= *if \(request.method)/gm, route!);
  await replace("page.html", /^<script>\n.*\n/gm, script!);
  return command!.trim().split(" ");
}

const bun = await toolPath("bun");

for (
  const [name, server, bundler] of [
    [
      "deno",
      await printedCommand(
        "docs/getting_started_deno.md",
        "Keep the events in a file",
        "deno run",
      ),
      Deno.execPath(),
    ],
    ["bun", [bun, "server.ts"], bun],
  ] as const
) {
  const env = name === "deno" ? onPort : {};

  Deno.test(`The server on the page for ${name} keeps its events through a restart, with either client`, async () => {
    await using project = await start(name);
    const port = freePort();
    const options = { port, env };
    let page: Page;
    {
      await using app = await App.start(project.folder, server, options);
      page = await reader.open(app.url);
      await publish(`${app.url}/news`, "It rains");
      await shows(page, "#news", "It rains");
    }
    {
      await using app = await App.start(project.folder, server, options);
      await publish(`${app.url}/news`, "It pours");
      await shows(page, "#news", "It rains", "It pours");
      await page.context().close();
    }
    const [, ...args] = await useClient(project, name);
    await project.run(bundler, ...args);
    {
      await using app = await App.start(project.folder, server, options);
      page = await reader.open(app.url);
      await page.locator("#status", { hasText: "Live" }).waitFor();
      await shows(page, "#news", "It rains", "It pours");
    }
    await using app = await App.start(project.folder, server, options);
    await publish(`${app.url}/news`, "It snows");
    await shows(page, "#news", "It rains", "It pours", "It snows");
    await page.context().close();
  });
}

Deno.test("The server on the page for Node sends what is published", async () => {
  await using project = await start("node", "@hono/node-server@2.1.9");
  await using app = await App.start(project.folder, ["node", "server.mjs"]);
  const page = await reader.open(app.url);
  await publish(`${app.url}/news`, "It rains");
  await shows(page, "#news", "It rains");
  await page.context().close();
});

Deno.test("The page for Cloudflare Workers prints the files of examples/cloudflare", async () => {
  const { files } = await readSection("docs/getting_started_workers.md", "");
  const names = ["src/index.ts", "wrangler.jsonc", "public/index.html"];
  assertEquals(Object.keys(files), names);
  for (const name of names) {
    const example = await Deno.readTextFile(`examples/cloudflare/${name}`);
    assertEquals(files[name], example, name);
  }
});

Deno.test("docs/client.md bundles the client with the commands of the getting-started pages, and with esbuild", async () => {
  const document = "docs/client.md";
  const command = async (words: string) =>
    (await printedCommand(document, "In a page", words)).join(" ");
  for (const [name, words] of [["deno", "deno bundle"], ["bun", "bun build"]]) {
    const page = `docs/getting_started_${name}.md`;
    const line = (await printedCommand(page, clientHeading, words!)).join(" ");
    assertEquals((await command(words!)).startsWith(line), true, line);
  }
  await using project = await reader.install(document, "In a page");
  const line = (await command("npx esbuild")).replace(/ #.*/, "")
    .replace("esbuild", "-y esbuild@0.25.10");
  const [npx, ...args] = line.split(" ");
  await project.run(npx!, ...args);
  const bundle = await import(`${project.folder}/client.js`);
  assertEquals(Object.keys(bundle), ["EventSource"]);
});
