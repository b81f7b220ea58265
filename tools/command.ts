/** How a command ended, and what it wrote. */
export interface Result {
  success: boolean;
  stdout: string;
  /** Standard output, then standard error. */
  output: string;
}

/** What is left of its time to a command that was interrupted, in which `deno test` names the cases that hang. */
const LAST_WORDS = 5000;

/**
 * Runs a command to its end and returns what it wrote. After `limit` milliseconds it is interrupted, then killed, and
 * not waited for any more, whatever it has left behind.
 */
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
  const [stdout, stderr] = [new Output(child.stdout), new Output(child.stderr)];
  let late = "";
  let timer = setTimeout(() => {
    late = `\nKilled: not finished after ${limit} ms\n`;
    signal(child, "SIGINT");
    timer = setTimeout(() => {
      // Processes that it has started can hold these open when it is gone.
      stdout.leave();
      stderr.leave();
      // workerd can outlive SIGTERM.
      signal(child, "SIGKILL");
    }, LAST_WORDS);
  }, limit);
  await Promise.all([stdout.ended, stderr.ended]);
  const { success } = await child.status;
  clearTimeout(timer);
  return {
    success,
    stdout: stdout.text,
    output: `${stdout.text}\n${stderr.text}${late}`,
  };
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // It has ended, but not those who write in its place.
  }
}

/** What a process writes, until it ends or is left. */
class Output {
  text = "";
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<string>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.ended = this.#read();
  }

  leave(): void {
    this.#reader.cancel();
  }

  async #read(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      this.text += value;
    }
  }
}

/** The same for the running Deno's own subcommands. */
export function runDeno(
  args: string[],
  options?: Parameters<typeof runCommand>[2],
): Promise<Result> {
  return runCommand(Deno.execPath(), args, options);
}
