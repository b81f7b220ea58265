import { runCommand } from "../tools/command.ts";

/** The versions of other runtimes on which the suite is known to pass. */
const versions = {
  bun: "1.4.5",
  deno: "2.9.6",
  node: "24.21.0",
  workerd: "1.20261117.1",
};

/** The version of Deno Deploy. */
export const OLDEST_DENO = "2.5.0";

/** The version in wrangler 4.86, the last one that runs in Node 20. */
export const OLDEST_WORKERD = "1.20260426.1";

const paths = new Map<string, Promise<string>>();

/**
 * Returns the path of another runtime's executable, and installs it from npm if necessary. Tests start it directly
 * instead of through `npx`, so that a kill reaches the runtime and not only its launcher.
 */
export function toolPath(
  name: keyof typeof versions,
  version: string = versions[name],
): Promise<string> {
  const tool = `${name}@${version}`;
  const known = paths.get(tool);
  if (known !== undefined) return known;
  const path = install(name, tool);
  paths.set(tool, path);
  return path;
}

async function install(name: string, tool: string): Promise<string> {
  const args = ["-y", "-p", tool, "-c", `command -v ${name}`];
  const { success, stdout, output } = await runCommand("npx", args);
  if (!success) throw new Error(`Cannot install ${tool}: ${output}`);
  const path = stdout.trim();
  if (name !== "deno") return path;
  // The package's command is a launcher too.
  const script = "console.log(Deno.execPath())";
  return (await runCommand(path, ["eval", script])).stdout.trim();
}
