/** The package as its users meet it: packed, installed in fresh projects, and used from there. */
import { assert, assertEquals } from "@std/assert";
import { runDeno } from "../../../tools/command.ts";
import { pack } from "../../../tools/packed.ts";
import { toolPath } from "../../_tools.ts";
import { Project, subpaths } from "./package.ts";
import { serve } from "../../support/served.ts";
import { SseServer, stream } from "../../support/sse_server.ts";
import { Process } from "../../../tools/process.ts";

const compilers = [
  { compiler: "typescript@7.0.2", lib: "esnext,dom" },
  // Before 6 the asynchronous iteration of a ReadableStream is in a separate library.
  { compiler: "typescript@5.9.3", lib: "esnext,dom,dom.asynciterable" },
];
const esbuild = "esbuild@0.25.10";

let folder: string;
let tarball: string;
let project: Project;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "pack_" });
  tarball = await pack(folder);
  project = await Project.make();
  await project.install(tarball, esbuild);
});
Deno.test.afterAll(async () => {
  await project[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});

const followed = ["1 a", "2 b"];
const expected = {
  codec: ["data: 1\n\n", {
    event: "tick",
    data: " 1\n2",
    id: "1",
    isText: true,
  }],
  connect: followed,
  eventSource: followed,
  channel: ["b", "c"],
};

for (const { compiler, lib } of compilers) {
  Deno.test(`The packed package type-checks with ${compiler}`, async () => {
    await project.install(compiler);
    await project.write("subpaths.ts", importAll());
    await compile(project, lib, "esnext", "bundler");
    await compile(project, lib, "nodenext", "nodenext");
    // The settings of most projects, whose libraries lack some of the types in the declarations.
    await compile(project, "es2022,dom", "esnext", "bundler", true);
  });
}

Deno.test("The packed package installs nothing else", async () => {
  await using project = await Project.make();
  await project.install(tarball);
  const installed = Deno.readDirSync(`${project.folder}/node_modules`);
  const names = [...installed].map(({ name }) => name);
  assertEquals(names.filter((name) => !name.startsWith(".")), ["@rivulet"]);
});

Deno.test("The packed package passes publint and @arethetypeswrong/cli", async () => {
  await using project = await Project.make();
  await project.install("publint@0.3.25", "@arethetypeswrong/cli@0.18.5");
  await project.run("node_modules/.bin/publint", "--strict", tarball);
  const profile = ["--profile", "esm-only"];
  await project.run("node_modules/.bin/attw", tarball, ...profile);
});

Deno.test("Packing warns only about modules whose types no declaration needs", async () => {
  // Deno writes declarations for what the doors' types lead to alone, and warns of every other module.
  const { output } = await runDeno(["pack", "--allow-dirty", "--dry-run"]);
  const pattern = /Could not generate types for '.*\/(src\/.*)\.ts'/;
  // The names of the files come last.
  const [messages] = output.split("Package contents:");
  const warnings = messages!.split("\n")
    .filter((line) => /warn|not/i.test(line));
  const untyped = warnings.map((line) => line.match(pattern)?.[1] ?? line);
  const listing = await project.run("tar", "-tzf", tarball);
  for (const path of untyped) {
    assert(listing.includes(`package/${path}.js\n`), path);
    assert(!listing.includes(`package/${path}.d.ts\n`), path);
  }
  // The compilers above check all declarations, and find that none needs another.
});

Deno.test("The packed package runs in Node", async () => {
  const options = ["--outfile=example.js", "--log-level=warning"];
  await project.run("node_modules/.bin/esbuild", "example.ts", ...options);
  await checkRun((url) => project.run("node", "main.js", url));
});

Deno.test("The packed package runs in Bun", async () => {
  await using project = await Project.make();
  const bun = await toolPath("bun");
  await project.run(bun, "add", tarball);
  await checkRun((url) => project.run(bun, "main.js", url));
});

Deno.test("The packed package runs in workerd, bundled", async () => {
  const options = ["--bundle", "--format=esm", "--outfile=bundle.js"];
  await project.run("node_modules/.bin/esbuild", "worker.js", ...options);
  await checkRun(async (url) => {
    const process = new Process(await toolPath("workerd"), [
      "serve",
      "--control-fd=1",
      "--socket-addr=http=127.0.0.1:0",
      `${project.folder}/worker.capnp`,
    ], { env: { SERVER_URL: url } });
    await using worker = await serve(process);
    return await (await fetch(worker.url)).text();
  });
});

Deno.test("Every subpath of the packed package can be imported alone", async () => {
  for (const subpath of subpaths) {
    const script = `
      const names = Object.keys(await import("${subpath}"));
      if (names.length === 0) throw new Error("It exports nothing");`;
    await project.run("node", "--input-type=module", "-e", script);
  }
});

/** Runs the example against a server that ends its streams after each event, and checks both sides. */
async function checkRun(
  run: (url: string) => Promise<string>,
): Promise<void> {
  const first = stream("retry: 1\nid: 1\ndata: a\n\n");
  const second = stream("id: 2\ndata: b\n\n");
  await using server = new SseServer(first, second, first, second);
  assertEquals(JSON.parse(await run(server.url)), expected);
  assertEquals(
    server.requests.map(({ lastEventId }) => lastEventId),
    [null, "1", null, "1"],
  );
}

/** Type-checks strictly, the package's declarations included unless they are left out. */
async function compile(
  project: Project,
  lib: string,
  module: string,
  moduleResolution: string,
  skipLibCheck = false,
): Promise<void> {
  const options = {
    strict: true,
    noEmit: true,
    target: "esnext",
    module,
    skipLibCheck,
  };
  await project.write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: { ...options, moduleResolution, lib: lib.split(",") },
      files: ["example.ts", "subpaths.ts"],
    }),
  );
  await project.run("node_modules/.bin/tsc", "-p", ".");
}

function importAll(): string {
  return subpaths.map((subpath, index) =>
    `export * as entry${index} from "${subpath}";\n`
  ).join("");
}
