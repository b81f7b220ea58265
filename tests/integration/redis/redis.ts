import { runCommand } from "../../../tools/command.ts";
import { Process } from "../../../tools/process.ts";
import { freePort } from "../../support/port.ts";

/** A redis-server process on a free port of the loopback interface, with its data in a temporary folder. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #config: readonly string[];
  #process: Process;

  private constructor(
    port: number,
    folder: string,
    config: readonly string[],
    process: Process,
  ) {
    this.port = port;
    this.#folder = folder;
    this.#config = config;
    this.#process = process;
  }

  /** Starts one with settings such as `"--appendonly", "yes"`. */
  static async start(...config: string[]): Promise<RedisServer> {
    const folder = await Deno.makeTempDir({ prefix: "redis_" });
    const port = freePort();
    const process = await spawn(folder, port, config);
    return new RedisServer(port, folder, config, process);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Sends a command with redis-cli and returns its output. */
  async command(...args: string[]): Promise<string> {
    const place = ["-h", "127.0.0.1", "-p", String(this.port), "-e"];
    const result = await runCommand("redis-cli", [...place, ...args]);
    const { success, stdout, output } = result;
    if (!success) throw new Error(`Redis refused ${args[0]}: ${output}`);
    return stdout.trim();
  }

  /** Ends the process with SIGKILL, so that it cannot save anything. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  /** Stops the process with its connections open, until it is continued. */
  pause(isPaused: boolean): void {
    this.#process.signal(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** Starts another process on the same port and data. */
  async restart(): Promise<void> {
    this.#process = await spawn(this.#folder, this.port, this.#config);
  }

  /** Ends the process and deletes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function spawn(
  folder: string,
  port: number,
  config: readonly string[],
): Promise<Process> {
  const place = [
    "--bind",
    "127.0.0.1",
    "--port",
    String(port),
    "--dir",
    folder,
  ];
  const args = [...place, "--logfile", "log", "--save", "", ...config];
  const process = new Process("redis-server", args, { stdout: "null" });
  await process.untilReady(() => answers(port)).catch(async () => {
    throw new Error(await Deno.readTextFile(`${folder}/log`));
  });
  return process;
}

/** Tells whether Redis is there, its data loaded. */
async function answers(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("PING\r\n"));
    const reply = new Uint8Array(64);
    const length = await connection.read(reply) ?? 0;
    return new TextDecoder().decode(reply.subarray(0, length)) === "+PONG\r\n";
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    if (error instanceof Deno.errors.ConnectionReset) return false;
    throw error;
  }
}
