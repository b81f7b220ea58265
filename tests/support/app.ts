import { freePort } from "./port.ts";
import { succeeds, until } from "./until.ts";

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
  /** What it has printed. */
  output = "";
  readonly #child: Deno.ChildProcess;
  readonly #hasChildren: boolean;
  readonly #printed: Promise<unknown>;

  private constructor(
    url: string,
    child: Deno.ChildProcess,
    hasChildren: boolean,
  ) {
    this.url = url;
    this.#child = child;
    this.#hasChildren = hasChildren;
    const collect = (stream: ReadableStream<Uint8Array<ArrayBuffer>>) =>
      stream.pipeThrough(new TextDecoderStream()).pipeTo(
        new WritableStream({ write: (text) => void (this.output += text) }),
      );
    this.#printed = Promise.all([collect(child.stdout), collect(child.stderr)]);
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
    const child = new Deno.Command(command, {
      args: args.map(withPort),
      cwd: folder,
      detached: hasChildren,
      env: {
        NO_COLOR: "1",
        PORT: `${port}`,
        ...Object.fromEntries(variables),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const app = new App(`http://localhost:${port}`, child, hasChildren);
    try {
      await app.#listens(port);
    } catch (error) {
      await app[Symbol.asyncDispose]();
      throw error;
    }
    return app;
  }

  /** Resolves when it has ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
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
    if (this.#hasChildren) this.#killGroup();
    await this.status;
    await this.#printed;
  }

  #killGroup(): void {
    try {
      Deno.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      // None is left.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #listens(port: number): Promise<void> {
    let hasEnded = false;
    this.status.then(() => hasEnded = true);
    await until(async () => {
      if (hasEnded) throw new Error(`It did not start: ${this.output}`);
      return await succeeds(
        Deno.connect({ hostname: "localhost", port }).then((it) => it.close()),
      );
    });
  }
}
