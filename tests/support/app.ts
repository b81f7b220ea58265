import { Process } from "../../tools/process.ts";
import { freePort } from "./port.ts";
import { succeeds } from "./until.ts";

/** How {@linkcode App.start} starts a process. */
export interface AppOptions {
  /** Variables of its environment. */
  env?: Record<string, string>;
  /** The port; one that is free unless given. */
  port?: number;
  /** Whether it starts processes of its own, which then end with it. */
  hasChildren?: boolean;
}

/** A process that serves HTTP, and what it prints; disposing of it kills it. */
export class App implements AsyncDisposable {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  readonly #process: Process;
  readonly #hasChildren: boolean;

  private constructor(url: string, process: Process, hasChildren: boolean) {
    this.url = url;
    this.#process = process;
    this.#hasChildren = hasChildren;
  }

  /**
   * Starts a command that listens on the port that the variable `PORT` names, and waits until it does. `$PORT` in its
   * arguments and other variables stands for that port.
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

  /** What it has printed. */
  get output(): string {
    return this.#process.stdout + this.#process.stderr;
  }

  /** Resolves when it has ended. */
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
      // None is left.
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
