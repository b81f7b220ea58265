import { Project } from "../../integration/package/package.ts";
import { toolPath } from "../../_tools.ts";
import { App } from "../../support/app.ts";

/** A new project whose commands run in a version of Node; disposing it deletes it. */
export class NodeProject implements AsyncDisposable {
  readonly #project: Project;
  /** Environment variables as arguments of `env`: commands of packages are found by name, and send no telemetry. */
  readonly #env: readonly string[];

  private constructor(project: Project, node: string) {
    this.#project = project;
    const bin = `${project.folder}/node_modules/.bin`;
    this.#env = [
      `PATH=${bin}:${node.replace(/\/node$/, "")}:${Deno.env.get("PATH")}`,
      "NEXT_TELEMETRY_DISABLED=1",
      "NUXT_TELEMETRY_DISABLED=1",
      "WRANGLER_SEND_METRICS=false",
      "HOST=localhost",
    ];
  }

  /** Creates the project from its files. */
  static async make(
    version: string,
    files: Readonly<Record<string, string>>,
  ): Promise<NodeProject> {
    const node = await Deno.realPath(await toolPath("node", version));
    const project = new NodeProject(await Project.empty(), node);
    for (const entry of Object.entries(files)) await project.write(...entry);
    return project;
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
    return JSON.parse(await this.read(`node_modules/${name}/package.json`))
      .version;
  }

  /** Runs a command until it exits. */
  async run(...command: string[]): Promise<string> {
    return await this.#project.run("env", ...this.#env, ...command);
  }

  /** Starts a command that serves HTTP on `$PORT`. */
  async start(...command: string[]): Promise<App> {
    const { folder } = this.#project;
    const options = { hasChildren: true };
    return await App.start(folder, ["env", ...this.#env, ...command], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#project[Symbol.asyncDispose]();
  }
}
