import { runCommand } from "../tools/command.ts";

/** The other runtimes, at the versions that the suite is known to pass on. */
const versions = { bun: "1.4.5", workerd: "1.20261117.1" };

/**
 * The path of another runtime's own executable, installed through npm when it is not there yet. It is started directly
 * rather than through `npx`, so that a kill reaches the runtime and not only its launcher.
 */
export async function toolPath(name: keyof typeof versions): Promise<string> {
  const { success, stdout, output } = await runCommand("npx", [
    "-y",
    "-p",
    `${name}@${versions[name]}`,
    "-c",
    `command -v ${name}`,
  ]);
  if (!success) throw new Error(`Cannot install ${name}: ${output}`);
  return stdout.trim();
}
