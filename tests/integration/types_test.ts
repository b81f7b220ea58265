/**
 * The declarations of the packed package in each setting that its users compile in, with all of them checked. The files
 * in `tests/types` hold lines that must compile and lines that must not.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { runCommand } from "../../tools/command.ts";
import { pack } from "../../tools/packed.ts";
import { Project, subpaths } from "./package/package.ts";

/** Packages by the names under which they are installed side by side. */
const compilers = {
  typescript5: "npm:typescript@5.9.3",
  typescript7: "npm:typescript@7.0.2",
};

interface Setting {
  /** The folder in `tests/types`. */
  readonly folder: string;
  readonly lib: readonly string[];
  /** The package that declares the runtime's globals. */
  readonly types?: string;
  /** What `compilerOptions.types` names. */
  readonly names: readonly string[];
  /** An error in the runtime's types, which the compiler reports in one of our declarations. */
  readonly fault?: string;
}

const settings: Record<string, Setting> = {
  "the DOM library": {
    folder: "dom",
    lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"],
    names: [],
  },
  "the WebWorker library": {
    folder: "webworker",
    lib: [
      "esnext",
      "webworker",
      "webworker.iterable",
      "webworker.asynciterable",
    ],
    names: [],
  },
  "the types of Node 20": node("20.19.43"),
  "the types of Node 22": node("22.20.7"),
  "the types of Node 24": node("24.19.4"),
  "Cloudflare's types": {
    folder: "workers",
    lib: ["esnext"],
    types: "@cloudflare/workers-types@5.20261117.1",
    names: ["@cloudflare/workers-types"],
  },
  "Bun's types": {
    folder: "bun",
    lib: ["esnext"],
    types: "@types/bun@1.4.5",
    names: ["bun"],
    // They only allow extending a ReadableStream of bytes.
    fault: "Type 'Received' does not satisfy the constraint 'Uint8Array<",
  },
};

/** Without the DOM library, as Node's own configurations recommend. */
function node(version: string): Setting {
  return {
    folder: "node",
    lib: ["es2022"],
    types: `@types/node@${version}`,
    names: ["node"],
  };
}

let project: Project;
let tarball: string;

Deno.test.beforeAll(async () => {
  project = await Project.empty();
  tarball = await pack(project.folder);
  await install();
});
Deno.test.afterAll(() => project[Symbol.asyncDispose]());

for (const [index, [name, setting]] of Object.entries(settings).entries()) {
  Deno.test(`The declarations type-check with ${name}, and reject wrong uses`, async () => {
    const workspace = workspaceOf(index);
    const files = await writeFiles(workspace, setting);
    const { lib, names, fault } = setting;
    const compilerOptions = {
      ...{ strict: true, noEmit: true, skipLibCheck: false },
      ...{ target: "es2022", module: "esnext", moduleResolution: "bundler" },
      ...{ lib, types: names },
    };
    const config = JSON.stringify({ compilerOptions, files });
    await project.write(`${workspace}/tsconfig.json`, config);
    for (const compiler of Object.keys(compilers)) {
      const found = await compile(workspace, compiler);
      const complaints = found.filter((line) =>
        fault === undefined || !line.includes(fault)
      );
      assertEquals(complaints, [], compiler);
    }
  });
}

Deno.test("Deno checks a server and the code of a page in one folder with the libraries that docs/runtimes.md names", async () => {
  await using project = await Project.make();
  await project.install(tarball);
  const { lib } = settings["the DOM library"]!;
  const compilerOptions = { lib: ["deno.ns", ...lib] };
  await project.write("deno.json", JSON.stringify({ compilerOptions }));
  const server = `import { Channel } from "@rivulet/sse";
const news = new Channel();
Deno.serve((request) => news.respond(request));
`;
  const page = `import { EventSource } from "@rivulet/sse/client";
const source = new EventSource("/news");
source.onmessage = ({ data }) => document.body.append(data);
`;
  await project.write("server.ts", server);
  await project.write("page.ts", page);
  await project.run(Deno.execPath(), "check", "server.ts", "page.ts");
  await project.write("page.ts", page.replace("append(data)", "appendd(data)"));
  await assertRejects(() => project.run(Deno.execPath(), "check", "page.ts"));
});

/** Names the folder of a setting in the project. */
function workspaceOf(index: number): string {
  return `setting${index}`;
}

/** Installs the package and the compilers for all settings, and the types of each setting for that setting alone. */
async function install(): Promise<void> {
  const workspaces = Object.values(settings).map((_, i) => workspaceOf(i));
  for (const [index, { types }] of Object.values(settings).entries()) {
    const name = workspaceOf(index);
    const [, declarations, version] = types?.match(/(.+)@(.+)/) ?? [];
    const dependencies = declarations && { [declarations]: version };
    const manifest = JSON.stringify({ name, version: "1.0.0", dependencies });
    await project.write(`${name}/package.json`, manifest);
  }
  await project.write("package.json", JSON.stringify({ workspaces }));
  // "nested": otherwise npm moves the types to the folder that all settings see.
  const packages = Object.entries(compilers).map((entry) => entry.join("@"));
  await project.install("--install-strategy=nested", tarball, ...packages);
}

/** Copies the files to compile; returns their names. */
async function writeFiles(
  workspace: string,
  { folder }: Setting,
): Promise<string[]> {
  const files = [`common/common.mts`, `${folder}/${folder}.mts`];
  const names = files.map((file) => file.split("/")[1]!);
  for (const [index, file] of files.entries()) {
    const text = await Deno.readTextFile(`tests/types/${file}`);
    await project.write(`${workspace}/${names[index]}`, text);
  }
  const imports = subpaths.map((subpath, index) =>
    `export * as entry${index} from "${subpath}";\n`
  );
  await project.write(`${workspace}/subpaths.mts`, imports.join(""));
  return [...names, "subpaths.mts"];
}

/** Runs the compiler; returns its complaints, each without its details. */
async function compile(
  workspace: string,
  compiler: string,
): Promise<string[]> {
  const tsc = `node_modules/${compiler}/bin/tsc`;
  const options = ["--pretty", "false", "-p", workspace];
  const args = ["-C", project.folder, "node", tsc, ...options];
  const { success, output } = await runCommand("env", args);
  const complaints = output.split("\n").filter((line) =>
    line.includes("error TS")
  );
  if (!success && complaints.length === 0) throw new Error(output);
  return complaints;
}
