/** The apps that docs/frameworks.md prints, each in a fresh project with the packed package. */
import { assertEquals } from "@std/assert";
import { pack } from "../../../tools/packed.ts";
import { toolPath } from "../../_tools.ts";
import { App } from "../../support/app.ts";
import { bare, readSection } from "../../support/section.ts";
import { Project } from "../package/package.ts";
import { checks, type Differences } from "./checks.ts";

interface Framework extends Differences {
  /** What its section installs, at the versions that the tests are known to pass on. */
  readonly packages: readonly string[];
  readonly command: () => Promise<[string, ...string[]]>;
}

const node = () => Promise.resolve<[string, string]>(["node", "server.mjs"]);
const nodeServer = "@hono/node-server@2.1.9";

const frameworks: Record<string, Framework> = {
  "Deno.serve": {
    packages: [],
    command: () =>
      Promise.resolve([
        Deno.execPath(),
        "run",
        "--quiet",
        "--allow-net",
        "--allow-env",
        "main.ts",
      ]),
  },
  "Hono": { packages: ["hono@4.13.19", nodeServer], command: node },
  "Express 5": { packages: ["express@5.3.0", nodeServer], command: node },
  "Fastify 5": { packages: ["fastify@5.12.8"], command: node },
  "h3 v2": { packages: ["h3@2.0.8"], command: node },
  "h3 v1": { packages: ["h3@1.15.11"], command: node, reason: "closed" },
  "Elysia on Bun": {
    packages: ["elysia@1.4.30"],
    command: async () => [await toolPath("bun"), "server.ts"],
  },
};

let folder: string;
let tarball: string;
const projects = new AsyncDisposableStack();
const installed = new Map<string, Promise<Project>>();

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "pack_" });
  tarball = await pack(folder);
});
Deno.test.afterAll(async () => {
  await projects.disposeAsync();
  await Deno.remove(folder, { recursive: true });
});

for (const [heading, framework] of Object.entries(frameworks)) {
  for (const [name, check] of Object.entries(checks)) {
    Deno.test(`The app for ${heading} ${name}`, async () => {
      await using app = await start(heading);
      await check(app, framework);
    });
  }
}

Deno.test("The app for Hono answers with every kind of source, with the headers and cookies of middleware", async () => {
  await using app = await start("Hono");
  for (const path of ["/count", "/answer", "/upstream"]) {
    const response = await fetch(app.url + path);
    assertEquals(response.headers.get("set-cookie"), "seen=yes; Path=/");
    assertEquals(response.headers.has("x-request-id"), true);
    const text = await response.text();
    assertEquals(text.match(/(?<=^data: ).*$/gm), ["1", "2", "3"], path);
  }
});

async function start(heading: string): Promise<App> {
  const { packages, command } = frameworks[heading]!;
  if (!installed.has(heading)) {
    installed.set(heading, install(heading, packages));
  }
  const { folder } = await installed.get(heading)!;
  return await App.start(folder, await command());
}

/** Follows a section in a fresh project. */
async function install(
  heading: string,
  packages: readonly string[],
): Promise<Project> {
  const section = await readSection("docs/frameworks.md", heading);
  assertEquals(section.packages, packages.map(bare));
  const project = projects.use(await Project.empty());
  for (const [name, text] of Object.entries(section.files)) {
    await project.write(name, text);
  }
  await project.install(tarball, ...packages);
  return project;
}
