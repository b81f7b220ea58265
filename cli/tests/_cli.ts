/** A run of the command line; disposing of it kills its process if it still runs. */
export class Cli implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #end: Promise<number>;
  #changed = Promise.withResolvers<void>();
  #isOver = false;
  /** What it has written to standard output. */
  stdout = "";
  /** What it has written to standard error. */
  stderr = "";

  constructor(child: Deno.ChildProcess, hasInput: boolean) {
    this.#child = child;
    this.#input = hasInput ? child.stdin.getWriter() : undefined;
    this.#end = this.#watch();
  }

  /** Resolves when what it has written matches; rejects when it has ended without. */
  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const { promise } = this.#changed;
      const match = `${this.stdout}\n${this.stderr}`.match(pattern);
      if (match !== null) return match;
      if (this.#isOver) {
        throw new Error(`No ${pattern}:\n${this.stdout}\n${this.stderr}`);
      }
      await promise;
    }
  }

  /** Resolves with the URL that it listens on. */
  async url(): Promise<string> {
    return (await this.until(/Listening on (http:.*\/)/))[1]!;
  }

  /** Writes to its standard input. */
  async tell(text: string): Promise<void> {
    await this.#input!.write(new TextEncoder().encode(text));
  }

  /** Ends its standard input. */
  async endInput(): Promise<void> {
    await this.#input!.close();
  }

  /** Sends it a signal. */
  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Resolves with its exit code, when it has ended and everything that it wrote is here. */
  exit(): Promise<number> {
    return this.#end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.exit();
  }

  async #watch(): Promise<number> {
    const { stdout, stderr, status } = this.#child;
    await Promise.all([
      this.#read(stdout, (text) => this.stdout += text),
      this.#read(stderr, (text) => this.stderr += text),
    ]);
    const { code } = await status;
    await this.#input?.abort();
    this.#isOver = true;
    this.#changed.resolve();
    return code;
  }

  async #read(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onText: (text: string) => void,
  ): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      onText(text);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}

const command = ["run", "-A", "--quiet", "cli/main.ts"];

/** Starts the command line, its outputs piped, and no standard input. */
export function start(...args: string[]): Cli {
  return spawn(Deno.execPath(), [...command, ...args], "null");
}

/** The same with a standard input to write to. */
export function startWithInput(...args: string[]): Cli {
  return spawn(Deno.execPath(), [...command, ...args], "piped");
}

/** The same in a terminal, whose one output comes as `stdout`; what is written to it is as if typed. */
export function startInTerminal(
  args: string[],
  setting = "--unset=NO_COLOR",
): Cli {
  // A shell that stays would hear Ctrl-C too, and end with a code of its own.
  const line = `exec env ${setting} ${shellLine(...args)}`;
  return spawn("script", ["-qec", line, "/dev/null"], "piped");
}

/** Starts a line for the shell. */
export function startInShell(line: string): Cli {
  return spawn("bash", ["-c", line], "null");
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
  const code = await cli.exit();
  return { code, stdout: cli.stdout, stderr: cli.stderr };
}

function spawn(
  command: string,
  args: string[],
  stdin: "piped" | "null",
): Cli {
  const child = new Deno.Command(command, {
    args,
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return new Cli(child, stdin === "piped");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
