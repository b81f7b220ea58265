import { until } from "../../support/until.ts";

/** A process of the running Deno, what it has written so far, and a way to tell it something. */
export class Child {
  /** The whole lines of its standard output. */
  readonly lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;

  /** Runs a module beside this one. */
  constructor(module: string, ...args: string[]) {
    const path = new URL(module, import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--unstable-kv", "--no-check", path, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Writes a line to its standard input. */
  async tell(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Resolves with the first line that begins so. */
  async line(start: string): Promise<string> {
    const find = () => this.lines.find((line) => line.startsWith(start));
    await until(() => find() !== undefined);
    return find()!;
  }

  /** The lines that begin with a sign, without it. */
  marked(sign: string): string[] {
    return this.lines.filter((line) => line.startsWith(sign))
      .map((line) => line.slice(sign.length));
  }

  /** Ends it with SIGKILL, which gives it no chance to do anything more. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#reading;
    await this.#writer.abort().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill().catch(() => {});
  }

  async #read(): Promise<void> {
    let rest = "";
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      // What a killed process began to write is no line.
      rest = lines.pop()!;
      this.lines.push(...lines);
    }
  }
}
