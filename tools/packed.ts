import config from "../deno.json" with { type: "json" };
import { runCommand } from "./command.ts";

/** Packs the package for npm. Returns the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  const path = `${folder}/package.tgz`;
  await run(Deno.execPath(), "pack", "--quiet", "--allow-dirty", "-o", path);
  return path;
}

/** Installs the packed package in a temporary folder. Disposing of the result deletes the folder. */
export async function installPacked(): Promise<
  { folder: string } & AsyncDisposable
> {
  const folder = await Deno.makeTempDir({ prefix: "packed_" });
  const target = `${folder}/node_modules/${config.name}`;
  await Deno.mkdir(target, { recursive: true });
  const tarball = await pack(folder);
  await run("tar", "-xzf", tarball, "-C", target, "--strip-components=1");
  return {
    folder,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, output } = await runCommand(command, args);
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${output}`);
}
