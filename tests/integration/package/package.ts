import config from "../../../deno.json" with { type: "json" };
import { runCommand } from "../../../tools/command.ts";

const sources = "tests/integration/package";

/** What a user of the package can import from it. */
export const subpaths: string[] = Object.keys(config.exports)
  .map((key) => key.replace(".", config.name));

/** A fresh npm project with the example; disposing of it deletes it. */
export class Project implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes the project; nothing is installed in it yet. */
  static async make(): Promise<Project> {
    const project = await Project.empty();
    for await (const { name } of Deno.readDir(sources)) {
      await Deno.copyFile(`${sources}/${name}`, `${project.folder}/${name}`);
    }
    return project;
  }

  /** Makes a project without the example. */
  static async empty(): Promise<Project> {
    const folder = await Deno.makeTempDir({ prefix: "package_" });
    const project = new Project(folder);
    await project.write("package.json", `{ "type": "module" }`);
    return project;
  }

  /** Writes one of its files. */
  async write(name: string, text: string): Promise<void> {
    const path = `${this.folder}/${name}`;
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, text);
  }

  /** Installs packages with npm. */
  async install(...packages: string[]): Promise<void> {
    const quiet = ["--no-audit", "--no-fund", "--prefer-offline"];
    await this.run("npm", "install", ...quiet, ...packages);
  }

  /** Runs a command in the project; returns its standard output. */
  async run(command: string, ...args: string[]): Promise<string> {
    const line = ["-C", this.folder, command, ...args];
    const { success, stdout, output } = await runCommand("env", line);
    if (!success) throw new Error(`${line.join(" ")}: ${output}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
