/** The other runtimes, at the versions that the suite is known to pass on. */
const versions = { bun: "1.4.5", workerd: "1.20261117.1" };

/**
 * The path of another runtime's own executable, installed through npm when it is not there yet. It is started directly
 * rather than through `npx`, so that a kill reaches the runtime and not only its launcher.
 */
export async function toolPath(name: keyof typeof versions): Promise<string> {
  const { success, stdout } = await new Deno.Command("npx", {
    args: ["-y", "-p", `${name}@${versions[name]}`, "-c", `command -v ${name}`],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot install ${name}@${versions[name]}`);
  return new TextDecoder().decode(stdout).trim();
}
