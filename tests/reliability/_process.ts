/** A process and the lines that it prints, with ways to talk to it; disposing of it kills it. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(command: string, args: readonly string[]) {
    this.#child = new Deno.Command(command, {
      args: [...args],
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when it has ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    let end: number;
    while ((end = this.#text.indexOf("\n")) === -1) {
      const { done, value } = await this.#output.read();
      if (done) throw new Error(`The process ended early: ${this.#text}`);
      this.#text += value;
    }
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** Sends it a line. */
  async say(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.status;
    await this.#output.cancel();
    await this.#input.abort().catch(() => {});
  }
}

/** Starts a module of this folder on Deno. */
export function startDeno(
  path: string,
  args: readonly (string | number)[],
  flags: readonly string[] = [],
): Process {
  return new Process(Deno.execPath(), [
    "run",
    "-A",
    "--quiet",
    "--no-lock",
    ...flags,
    `tests/reliability/${path}`,
    ...args.map(String),
  ]);
}
