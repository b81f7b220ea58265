/** The apps that docs/frameworks.md prints, each in a fresh project with the packed package. */
import { assertEquals } from "@std/assert";
import { decode } from "../../../mod.ts";
import { pack } from "../../../tools/packed.ts";
import { toolPath } from "../../_tools.ts";
import { App } from "../../support/app.ts";
import { bare, readSection } from "../../support/section.ts";
import { Project } from "../package/package.ts";
import { checks, type Differences, follow, publish } from "./checks.ts";

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
  const both = await follow(app, { path: "/both" });
  assertEquals(both.headers.get("set-cookie"), "seen=yes; Path=/");
  await publish(app, "It rains", {});
  for await (const { data } of decode(both)) {
    assertEquals(data, "It rains");
    break;
  }
});

const elsewhere: Record<string, [() => Promise<string>, string]> = {
  Deno: [
    () => Promise.resolve(Deno.execPath()),
    "Deno.serve({ hostname, port }, app.fetch);",
  ],
  Bun: [
    () => toolPath("bun"),
    "Bun.serve({ hostname, port, fetch: app.fetch, idleTimeout: 255 });",
  ],
};

for (const [runtime, [executable, code]] of Object.entries(elsewhere)) {
  Deno.test(`The app for Hono runs unchanged on ${runtime}`, async () => {
    const { folder } = await projectOf("Hono");
    await Deno.writeTextFile(
      `${folder}/${runtime}.mjs`,
      `import app from "./app.mjs";
       const [hostname, port] = ["localhost", Number(process.env.PORT)];
       ${code}`,
    );
    const args = runtime === "Deno" ? ["run", "-A"] : ["run"];
    await using app = await App.start(folder, [
      await executable(),
      ...args,
      `${runtime}.mjs`,
    ]);
    await checks["sends each event when it is published"]!(app, {});
  });
}

async function start(heading: string): Promise<App> {
  const { folder } = await projectOf(heading);
  return await App.start(folder, await frameworks[heading]!.command());
}

async function projectOf(heading: string): Promise<Project> {
  if (!installed.has(heading)) {
    installed.set(heading, install(heading, frameworks[heading]!.packages));
  }
  return await installed.get(heading)!;
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
