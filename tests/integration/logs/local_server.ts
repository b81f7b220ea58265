import type { Process } from "../../../tools/process.ts";
import { freePort } from "../../support/port.ts";

/** A server process on a free port of the loopback interface, with its data in a temporary folder. */
export abstract class LocalServer implements AsyncDisposable {
  readonly port: number = freePort();
  /** Its clients, which are closed before it ends. */
  protected readonly clients: AsyncDisposableStack = new AsyncDisposableStack();
  protected readonly folder: string;
  #process!: Process;

  protected constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts a process on the port and data, also after another one was killed. */
  async restart(): Promise<void> {
    this.#process = await this.spawn();
    await this.#process.untilReady(() => this.answers());
  }

  /** Ends the process with SIGKILL, so that it cannot save anything. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  /** Returns whether no process blocks the others that use it. */
  isFree(): boolean {
    return true;
  }

  /** Stops the process with its connections open, until it is continued. */
  pause(isPaused: boolean): void {
    this.#process.signal(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** Ends the process and deletes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.clients.disposeAsync();
    await this.end(this.#process);
    await Deno.remove(this.folder, { recursive: true });
  }

  protected abstract spawn(): Promise<Process>;

  /** Returns whether the server accepts connections. */
  protected abstract answers(): Promise<boolean>;

  protected async end(process: Process): Promise<void> {
    await process.kill();
  }

  /** Sends bytes to the server, and returns whether its reply begins with a text; `false` while it starts or stops. */
  protected async replies(
    bytes: Uint8Array<ArrayBuffer>,
    text: string,
  ): Promise<boolean> {
    try {
      const { port } = this;
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      if (text === "") return true;
      await connection.write(bytes);
      const reply = new Uint8Array(text.length);
      await connection.read(reply);
      return new TextDecoder().decode(reply) === text;
    } catch (error) {
      const { BrokenPipe, ConnectionRefused, ConnectionReset } = Deno.errors;
      const expected = [BrokenPipe, ConnectionRefused, ConnectionReset];
      if (expected.some((type) => error instanceof type)) return false;
      throw error;
    }
  }
}
