import { Process } from "../../tools/process.ts";

/** A run of the command line. */
export class Cli extends Process {
  /** Resolves with the URL that it listens on. */
  async url(): Promise<string> {
    return (await this.until(/Listening on (http:.*\/)/))[1]!;
  }
}

const outputs = { stderr: "piped" } as const;
const both = { ...outputs, input: true };
const command = ["run", "-A", "--quiet", "cli/main.ts"];

/** Starts the command line, its outputs piped, and no standard input. */
export function start(...args: string[]): Cli {
  return new Cli(Deno.execPath(), [...command, ...args], outputs);
}

/** The same with a standard input to write to. */
export function startWithInput(...args: string[]): Cli {
  return new Cli(Deno.execPath(), [...command, ...args], both);
}

/** Runs it in a terminal, whose only output is `stdout`; text written to it counts as typed. */
export function startInTerminal(
  args: string[],
  setting = "--unset=NO_COLOR",
): Cli {
  // A shell that stays would also receive Ctrl-C, and exit with a different code.
  const line = `exec env ${setting} ${shellLine(...args)}`;
  return new Cli("script", ["-qec", line, "/dev/null"], both);
}

/** Starts a line for the shell. */
export function startInShell(line: string): Cli {
  return new Cli("bash", ["-c", line], outputs);
}

/** The command line as part of a line for the shell. */
export function shellLine(...args: string[]): string {
  return [Deno.execPath(), ...command, ...args].map(quote).join(" ");
}

/** Runs it to its end. */
export async function run(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using cli = start(...args);
  const code = await cli.ended;
  return { code, stdout: cli.stdout, stderr: cli.stderr };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
