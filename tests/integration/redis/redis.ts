import { freePort } from "../../support/port.ts";

/** A redis-server process on a free port of the loopback interface, its data in a folder of its own until the end. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #config: readonly string[];
  #child: Deno.ChildProcess;

  private constructor(
    port: number,
    folder: string,
    config: readonly string[],
    child: Deno.ChildProcess,
  ) {
    this.port = port;
    this.#folder = folder;
    this.#config = config;
    this.#child = child;
  }

  /** Starts one with settings such as `"--appendonly", "yes"`. */
  static async start(...config: string[]): Promise<RedisServer> {
    const folder = await Deno.makeTempDir({ prefix: "redis_" });
    const port = freePort();
    const child = await spawn(folder, port, config);
    return new RedisServer(port, folder, config, child);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Sends a command with redis-cli and returns what it prints. */
  async command(...args: string[]): Promise<string> {
    const { success, stdout } = await new Deno.Command("redis-cli", {
      args: ["-h", "127.0.0.1", "-p", String(this.port), "-e", ...args],
      stderr: "inherit",
    }).output();
    const reply = new TextDecoder().decode(stdout).trim();
    if (!success) throw new Error(`Redis refused ${args[0]}: ${reply}`);
    return reply;
  }

  /** Ends the process with SIGKILL, which gives it no chance to save anything. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  /** Lets it do nothing, its connections open, until it is to go on. */
  pause(isPaused: boolean): void {
    this.#child.kill(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** Starts another process on the same port and data. */
  async restart(): Promise<void> {
    this.#child = await spawn(this.#folder, this.port, this.#config);
  }

  /** Ends the process and deletes what it kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function spawn(
  folder: string,
  port: number,
  config: readonly string[],
): Promise<Deno.ChildProcess> {
  const place = [
    "--bind",
    "127.0.0.1",
    "--port",
    String(port),
    "--dir",
    folder,
  ];
  const child = new Deno.Command("redis-server", {
    args: [...place, "--logfile", "log", "--save", "", ...config],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let ended = false;
  child.status.then(() => ended = true);
  while (!await answers(port)) {
    if (ended) throw new Error(await Deno.readTextFile(`${folder}/log`));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child;
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
