/** How a command ended, and what it wrote. */
export interface Result {
  success: boolean;
  stdout: string;
  /** Standard output, then standard error. */
  output: string;
}

/**
 * Runs a command to its end and returns what it wrote. When it has written nothing for `limit` milliseconds it is
 * interrupted, then killed, and not waited for any more, whatever it has left behind.
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
  const late = watchdog.isOver ? `\nKilled: silent for ${limit} ms\n` : "";
  return { success, stdout, output: `${stdout}\n${stderr}${late}` };
}

/** The same for the running Deno's own subcommands. */
export function runDeno(
  args: string[],
  options?: Parameters<typeof runCommand>[2],
): Promise<Result> {
  return runCommand(Deno.execPath(), args, options);
}

/** What is left of its time to a process that was interrupted, in which `deno test` names the cases that hang. */
const LAST_WORDS = 5000;

/** Reads what a process writes, and ends it when that is nothing for too long. */
class Watchdog implements Disposable {
  /** Whether the process has been silent for too long. */
  isOver = false;
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
    if (this.isOver) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#interrupt(), this.#limit);
  }

  #interrupt(): void {
    this.isOver = true;
    this.#signal("SIGINT");
    this.#timer = setTimeout(() => this.#kill(), LAST_WORDS);
  }

  #kill(): void {
    // workerd can outlive SIGTERM.
    this.#signal("SIGKILL");
    // Processes that it has started can hold these open when it is gone.
    for (const reader of this.#readers) reader.cancel();
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch {
      // It has ended, but not those who write in its place.
    }
  }
}
