import { pause } from "./pause.ts";

/** What a {@linkcode Process} is started with. */
export interface ProcessOptions
  extends Pick<Deno.CommandOptions, "cwd" | "uid" | "gid" | "detached"> {
  env?: Record<string, string>;
  /** Whether it has a standard input to write to. */
  input?: boolean;
  /** What becomes of its outputs: `"piped"` ones are read as they come. */
  stdout?: "piped" | "null";
  stderr?: "piped" | "null" | "inherit";
}

/**
 * A process, what it has written so far, and ways to talk to it. Disposing of it kills it.
 *
 * Its outputs are read all the time, so that it never waits for its reader. In a test they would count as a leak if the
 * process was started outside of it: then {@linkcode Process.deafen} it.
 */
export class Process implements AsyncDisposable {
  /** What it has written to standard output. */
  stdout = "";
  /** What it has written to standard error, if that is piped. */
  stderr = "";
  /** Resolves with its exit code, when it has ended and all that it wrote is here. */
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

  /** Resolves when it has ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when what it has written matches; rejects when it has ended without. */
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

  /** The next line of its standard output; rejects when it has ended before. */
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

  /** Resolves when something holds that comes of it; rejects when it has ended without. */
  async untilReady(isReady: () => Promise<boolean>): Promise<void> {
    while (!await isReady()) {
      if (this.#isOver) {
        throw new Error("The process ended before it was ready");
      }
      await pause(10);
    }
  }

  /** Writes a line to its standard input. */
  async say(line: string): Promise<void> {
    await this.write(`${line}\n`);
  }

  /** Writes to its standard input. */
  async write(text: string): Promise<void> {
    await this.#input!.write(new TextEncoder().encode(text));
  }

  /** Ends its standard input. */
  async endInput(): Promise<void> {
    await this.#input!.close();
  }

  /** Reads no more of what it writes, which it must not do then. */
  async deafen(): Promise<void> {
    for (const reader of this.#readers) await reader.cancel();
  }

  /** Sends it a signal, if it has not ended. */
  signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Ends it with SIGKILL, which gives it no chance to do anything more. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#child.status;
    // What it has started may hold these open.
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

/** Starts a module on the running Deno. */
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
