import { pause } from "./pause.ts";

/** Options of a {@linkcode Process}. */
export interface ProcessOptions
  extends Pick<Deno.CommandOptions, "cwd" | "uid" | "gid" | "detached"> {
  env?: Record<string, string>;
  /** Whether standard input is a pipe. */
  input?: boolean;
  /** How to handle standard output. `"piped"` output is read continuously. */
  stdout?: "piped" | "null";
  stderr?: "piped" | "null" | "inherit";
}

/**
 * A child process with its output and input. Disposing of it kills the process.
 *
 * Its output is read continuously, so that it never blocks. If a test did not start the process, Deno reports the
 * pending read as a leak: call {@linkcode Process.deafen} first.
 */
export class Process implements AsyncDisposable {
  /** The standard output so far. */
  stdout = "";
  /** The standard error so far, if it is piped. */
  stderr = "";
  /** Resolves with the exit code when the process has ended and its output has been read. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #readers: ReadableStreamDefaultReader<string>[] = [];
  #changed = Promise.withResolvers<void>();
  #isOver = false;
  #read = 0;

  constructor(
    command: string,
    args: readonly string[],
    options: ProcessOptions = {},
  ) {
    const { input, stdout = "piped", stderr = "inherit", env, ...rest } =
      options;
    this.#child = new Deno.Command(command, {
      ...rest,
      args: [...args],
      env: { NO_COLOR: "1", ...env },
      stdin: input ? "piped" : "null",
      stdout,
      stderr,
    }).spawn();
    this.#input = input ? this.#child.stdin.getWriter() : undefined;
    this.ended = this.#watch(stdout === "piped", stderr === "piped");
  }

  /** Resolves when the process has ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when the output matches. Rejects if the process ends first. */
  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const { promise } = this.#changed;
      const match = `${this.stdout}\n${this.stderr}`.match(pattern);
      if (match !== null) return match;
      if (this.#isOver) {
        throw new Error(
          `The process ended without ${pattern}:\n${this.stdout}\n${this.stderr}`,
        );
      }
      await promise;
    }
  }

  /** Returns the next line of standard output. Rejects if the process ends first. */
  async line(): Promise<string> {
    for (;;) {
      const { promise } = this.#changed;
      const end = this.stdout.indexOf("\n", this.#read);
      if (end !== -1) {
        const line = this.stdout.slice(this.#read, end);
        this.#read = end + 1;
        return line;
      }
      if (this.#isOver) {
        throw new Error(`The process ended early: ${this.stdout}`);
      }
      await promise;
    }
  }

  /** Polls until `isReady` resolves with `true`. Rejects if the process ends first. */
  async untilReady(isReady: () => Promise<boolean>): Promise<void> {
    while (!await isReady()) {
      if (this.#isOver) {
        throw new Error("The process ended before it was ready");
      }
      await pause(10);
    }
  }

  /** Writes a line to standard input. */
  async say(line: string): Promise<void> {
    await this.write(`${line}\n`);
  }

  /** Writes text to standard input. */
  async write(text: string): Promise<void> {
    if (this.#input === undefined) {
      throw new Error("Cannot write: the option `input` must be true");
    }
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Closes standard input. */
  async endInput(): Promise<void> {
    await this.#input!.close();
  }

  /** Stops reading the output. The process must not write after this. */
  async deafen(): Promise<void> {
    for (const reader of this.#readers) await reader.cancel();
  }

  /** Sends a signal, if the process is running. */
  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Kills the process with SIGKILL. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#child.status;
    // Its child processes may keep the pipes open.
    const timer = setTimeout(() => this.deafen(), 1000);
    await this.ended;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #watch(hasStdout: boolean, hasStderr: boolean): Promise<number> {
    await Promise.all([
      hasStdout && this.#take(this.#child.stdout, "stdout"),
      hasStderr && this.#take(this.#child.stderr, "stderr"),
    ]);
    const { code } = await this.#child.status;
    await this.#input?.abort().catch(() => {});
    this.#isOver = true;
    this.#changed.resolve();
    return code;
  }

  async #take(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    name: "stdout" | "stderr",
  ): Promise<void> {
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#readers.push(reader);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this[name] += value;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}

/** Starts a module with the current Deno version. */
export function startDeno(
  module: string | URL,
  args: readonly (string | number)[] = [],
  options?: ProcessOptions & { flags?: string[] },
): Process {
  const { flags = [], ...rest } = options ?? {};
  const run = ["run", "-A", "--unstable-kv", "--quiet", "--no-lock", ...flags];
  const path = module instanceof URL ? module.pathname : module;
  return new Process(
    Deno.execPath(),
    [...run, path, ...args.map(String)],
    rest,
  );
}
