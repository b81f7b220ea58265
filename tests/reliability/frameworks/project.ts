import { toolPath } from "../../_tools.ts";
import { App } from "../../support/app.ts";
import { Project } from "../../integration/package/package.ts";

/** A new project whose commands run in a version of Node; disposing it deletes it. */
export class NodeProject implements AsyncDisposable {
  readonly #project: Project;
  readonly #path: string;

  private constructor(project: Project, path: string) {
    this.#project = project;
    this.#path = path;
  }

  /** Creates the project from its files. */
  static async make(
    version: string,
    files: Readonly<Record<string, string>>,
  ): Promise<NodeProject> {
    const node = await Deno.realPath(await toolPath("node", version));
    const path = `${node.replace(/\/node$/, "")}:${Deno.env.get("PATH")}`;
    const project = await Project.empty();
    for (const [name, text] of Object.entries(files)) {
      await project.write(name, text);
    }
    return new NodeProject(project, path);
  }

  /** Reads one of its files. */
  async read(name: string): Promise<string> {
    return await Deno.readTextFile(`${this.#project.folder}/${name}`);
  }

  /** Writes one of its files. */
  async write(name: string, text: string): Promise<void> {
    await this.#project.write(name, text);
  }

  /** Installs packages with npm, in versions that this Node can run. */
  async install(...packages: string[]): Promise<void> {
    const quiet = ["--no-audit", "--no-fund", "--prefer-offline"];
    await this.run("npm", "install", ...quiet, ...packages);
  }

  /** The version of a package that was installed. */
  async versionOf(name: string): Promise<string> {
    const path = `${this.#project.folder}/node_modules/${name}/package.json`;
    return JSON.parse(await Deno.readTextFile(path)).version;
  }

  /** Runs a command until it exits; commands of its packages are found by name. */
  async run(command: string, ...args: string[]): Promise<string> {
    const bin = `${this.#project.folder}/node_modules/.bin`;
    const path = `PATH=${bin}:${this.#path}`;
    return await this.#project.run("env", path, ...quiet, command, ...args);
  }

  /** Starts a command that serves HTTP on `$PORT`. */
  async start(command: string, ...args: string[]): Promise<App> {
    const bin = `${this.#project.folder}/node_modules/.bin`;
    const env = [`PATH=${bin}:${this.#path}`, ...quiet, "HOST=localhost"];
    return await App.start(
      this.#project.folder,
      ["env", ...env, command, ...args],
      { hasChildren: true },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#project[Symbol.asyncDispose]();
  }
}

/** Disables the telemetry of the tools. */
const quiet = [
  "NEXT_TELEMETRY_DISABLED=1",
  "NUXT_TELEMETRY_DISABLED=1",
  "WRANGLER_SEND_METRICS=false",
];
