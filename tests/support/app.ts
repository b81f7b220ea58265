import { Process } from "../../tools/process.ts";
import { freePort } from "./port.ts";
import { succeeds } from "./until.ts";

/** Options of {@linkcode App.start}. */
export interface AppOptions {
  /** Environment variables. */
  env?: Record<string, string>;
  /** The port, by default a free one. */
  port?: number;
  /** Whether it starts child processes, which are then killed with it. */
  hasChildren?: boolean;
}

/** A process that serves HTTP, with its output. Disposing of it kills the process. */
export class App implements AsyncDisposable {
  /** The server's URL, without a trailing slash. */
  readonly url: string;
  readonly #process: Process;
  readonly #hasChildren: boolean;

  private constructor(url: string, process: Process, hasChildren: boolean) {
    this.url = url;
    this.#process = process;
    this.#hasChildren = hasChildren;
  }

  /**
   * Starts a command that listens on the port in the environment variable `PORT`, and waits until it does. Replaces
   * `$PORT` in the arguments and other variables with the port.
   */
  static async start(
    folder: string,
    [command, ...args]: readonly [string, ...string[]],
    { env = {}, port = freePort(), hasChildren = false }: AppOptions = {},
  ): Promise<App> {
    const withPort = (text: string) => text.replace("$PORT", `${port}`);
    const variables = Object.entries(env)
      .map(([name, value]) => [name, withPort(value)]);
    const process = new Process(command, args.map(withPort), {
      cwd: folder,
      detached: hasChildren,
      env: { PORT: `${port}`, ...Object.fromEntries(variables) },
      stderr: "piped",
    });
    const app = new App(`http://localhost:${port}`, process, hasChildren);
    try {
      await app.#listens(port);
    } catch (error) {
      await app[Symbol.asyncDispose]();
      throw error;
    }
    return app;
  }

  /** The standard output and standard error so far. */
  get output(): string {
    return this.#process.stdout + this.#process.stderr;
  }

  /** Resolves when the process has ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#process.status;
  }

  signal(name: Deno.Signal): void {
    this.#process.signal(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    if (this.#hasChildren) this.#killGroup();
    await this.#process.kill();
  }

  #killGroup(): void {
    try {
      Deno.kill(-this.#process.pid, "SIGKILL");
    } catch (error) {
      // The group has no process left.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #listens(port: number): Promise<void> {
    const connect = () => Deno.connect({ hostname: "localhost", port });
    await this.#process.untilReady(() =>
      succeeds(connect().then((it) => it.close()))
    ).catch(() => {
      throw new Error(`It did not start: ${this.output}`);
    });
  }
}
