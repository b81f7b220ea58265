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

Deno.test("The app for Hono responds with every kind of source, with the headers and cookies of middleware", async () => {
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

Deno.test("The answers for Express continue after a disconnect, are stopped by DELETE, and end at SIGINT", async () => {
  const { folder } = await projectOf("Express 5");
  await Deno.writeTextFile(`${folder}/index.html`, "The page");
  await using app = await App.start(folder, ["node", "answers.mjs"]);
  assertEquals(await (await fetch(app.url)).text(), "The page");
  const take = async (body: string) => {
    const init = { method: "POST", body };
    const response = await fetch(`${app.url}/answers`, init);
    const { status, headers } = response;
    await response.body?.cancel();
    assertEquals(status, 201);
    return app.url + headers.get("location");
  };
  const answer = await take("To be or not");
  let lastEventId = "";
  for await (const { id, data } of decode(await fetch(answer))) {
    lastEventId = id;
    assertEquals(JSON.parse(data), "To");
    break;
  }
  const headers = { "last-event-id": lastEventId };
  const rest = await Array.fromAsync(decode(await fetch(answer, { headers })));
  const texts = rest.map(({ event, data }) => [event, data]);
  assertEquals(texts, [
    ...[" be", " or", " not"].map((text) => ["token", JSON.stringify(text)]),
    ["done", ""],
  ]);

  const long = await take("word ".repeat(1000));
  const stopped = Array.fromAsync(
    decode(await fetch(long)),
    ({ event }) => event,
  );
  const deleted = await fetch(long, { method: "DELETE" });
  await deleted.body?.cancel();
  assertEquals(deleted.status, 204);
  assertEquals((await stopped).at(-1), "stopped");
  const missing = await fetch(`${app.url}/answers/none`);
  await missing.body?.cancel();
  assertEquals(missing.status, 404);
  const form = await fetch(`${app.url}/answers`, {
    method: "POST",
    body: new URLSearchParams("Hi"),
  });
  assertEquals([form.status, await form.text()], [400, "Send text/plain"]);

  const running = await fetch(await take("word ".repeat(1000)));
  app.signal("SIGINT");
  await running.text();
  assertEquals((await app.status).code, 0);
});

Deno.test("A listener under a Router of Express receives the URL without the mount, and may be made for each request", async () => {
  const { folder } = await projectOf("Express 5");
  await Deno.writeTextFile(
    `${folder}/router.mjs`,
    `import { getRequestListener } from "@hono/node-server";
     import express from "express";
     const options = { overrideGlobalObjects: false };
     const router = express.Router();
     router.get("/:id", (request, response) =>
       getRequestListener(({ url }, { incoming }) =>
         Response.json([new URL(url).pathname, incoming.originalUrl, incoming.params.id]), options)(request, response));
     express().use("/answers", router).listen(process.env.PORT, "localhost");`,
  );
  await using app = await App.start(folder, ["node", "router.mjs"]);
  const urls = await (await fetch(`${app.url}/answers/1`)).json();
  assertEquals(urls, ["/1", "/answers/1", "1"]);
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
