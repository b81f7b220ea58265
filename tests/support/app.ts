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
export class App extends Process {
  /** The server's URL, without a trailing slash. */
  readonly url: string;
  readonly #hasChildren: boolean;

  private constructor(
    folder: string,
    [command, ...args]: readonly [string, ...string[]],
    { env = {}, port = freePort(), hasChildren = false }: AppOptions,
  ) {
    const withPort = (text: string) => text.replace("$PORT", `${port}`);
    const variables = Object.entries({ PORT: "$PORT", ...env })
      .map(([name, value]) => [name, withPort(value)]);
    super(command, args.map(withPort), {
      cwd: folder,
      detached: hasChildren,
      env: Object.fromEntries(variables),
      stderr: "piped",
    });
    this.url = `http://localhost:${port}`;
    this.#hasChildren = hasChildren;
  }

  /**
   * Starts a command that listens on the port in the environment variable `PORT`, and waits until it does. Replaces
   * `$PORT` in the arguments and other variables with the port.
   */
  static async start(
    folder: string,
    command: readonly [string, ...string[]],
    options: AppOptions = {},
  ): Promise<App> {
    const app = new App(folder, command, options);
    const port = Number(new URL(app.url).port);
    const connect = () => Deno.connect({ hostname: "localhost", port });
    try {
      await app.untilReady(() => succeeds(connect().then((it) => it.close())));
    } catch {
      await app.kill();
      throw new Error(`It did not start: ${app.output}`);
    }
    return app;
  }

  /** The standard output and standard error so far. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  override async kill(): Promise<void> {
    if (this.#hasChildren) this.#killGroup();
    await super.kill();
  }

  #killGroup(): void {
    try {
      Deno.kill(-this.pid, "SIGKILL");
    } catch (error) {
      // The group has no process left.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
