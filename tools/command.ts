/** The exit status and output of a command. */
export interface Result {
  success: boolean;
  stdout: string;
  /** Standard output, then standard error. */
  output: string;
}

/**
 * Runs a command and returns its output. If it writes nothing for `limit` milliseconds, it is interrupted and then
 * killed, and its remaining child processes are not waited for.
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
  using watchdog = new Watchdog(child, limit);
  const [stdout, stderr] = await Promise.all([
    watchdog.read(child.stdout),
    watchdog.read(child.stderr),
  ]);
  const { success } = await child.status;
  const late = watchdog.hasExpired ? `\nKilled: silent for ${limit} ms\n` : "";
  return { success, stdout, output: `${stdout}\n${stderr}${late}` };
}

/** Runs a subcommand of the current Deno version. */
export function runDeno(
  args: string[],
  options?: Parameters<typeof runCommand>[2],
): Promise<Result> {
  return runCommand(Deno.execPath(), args, options);
}

/** Milliseconds between SIGINT and SIGKILL, in which `deno test` reports the pending cases. */
const INTERRUPT_GRACE = 5000;

/** Reads the output of a process, and ends the process when it is silent for too long. */
class Watchdog implements Disposable {
  /** Whether the limit has been exceeded. */
  hasExpired = false;
  readonly #child: Deno.ChildProcess;
  readonly #limit: number;
  readonly #readers: ReadableStreamDefaultReader<string>[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(child: Deno.ChildProcess, limit: number) {
    this.#child = child;
    this.#limit = limit;
    this.#wait();
  }

  async read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#readers.push(reader);
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
      this.#wait();
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (this.hasExpired) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#interrupt(), this.#limit);
  }

  #interrupt(): void {
    this.hasExpired = true;
    this.#signal("SIGINT");
    this.#timer = setTimeout(() => this.#kill(), INTERRUPT_GRACE);
  }

  #kill(): void {
    // workerd can outlive SIGTERM.
    this.#signal("SIGKILL");
    // Its child processes can keep the pipes open.
    for (const reader of this.#readers) reader.cancel();
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch {
      // The process has ended, but its child processes have not.
    }
  }
}
