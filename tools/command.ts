/** How a command ended, and what it wrote. */
export interface Result {
  success: boolean;
  stdout: string;
  /** Standard output, then standard error. */
  output: string;
}

/** Runs a command to its end and returns what it wrote; it is killed after `limit` milliseconds. */
export async function runCommand(
  command: string,
  args: string[],
  { env = {}, limit = 600_000 }: {
    env?: Record<string, string>;
    limit?: number;
  } = {},
): Promise<Result> {
  const child = new Deno.Command(command, {
    args,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = "";
  const timer = setTimeout(() => {
    late = `\nKilled: not finished after ${limit} ms\n`;
    // workerd can outlive SIGTERM.
    child.kill("SIGKILL");
  }, limit);
  const { success, ...bytes } = await child.output();
  clearTimeout(timer);
  const stdout = new TextDecoder().decode(bytes.stdout);
  const stderr = new TextDecoder().decode(bytes.stderr);
  return { success, stdout, output: `${stdout}\n${stderr}${late}` };
}

/** The same for the running Deno's own subcommands. */
export function runDeno(
  args: string[],
  options?: Parameters<typeof runCommand>[2],
): Promise<Result> {
  return runCommand(Deno.execPath(), args, options);
}
