import type { RedisLog, RedisLogOptions } from "../../../src/redis/mod.ts";
import { runCommand } from "../../../tools/command.ts";
import { Process } from "../../../tools/process.ts";
import { LocalServer } from "../logs/local_server.ts";
import { type AdaptedClient, ioRedisClient } from "./redis_clients.ts";

/** Settings with which Redis saves every write before it replies. */
export const durable: string[] = [
  "--appendonly",
  "yes",
  "--appendfsync",
  "always",
];

/** A redis-server process. */
export class RedisServer extends LocalServer {
  readonly #config: readonly string[];
  #client: AdaptedClient | undefined;

  private constructor(folder: string, config: readonly string[]) {
    super(folder);
    this.#config = config;
  }

  /** Starts one with settings such as `"--appendonly", "yes"`. */
  static async start(...config: string[]): Promise<RedisServer> {
    const folder = await Deno.makeTempDir({ prefix: "redis_" });
    const server = new RedisServer(folder, config);
    await server.restart();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The arguments of a process that connects to it. */
  get args(): string[] {
    return ["ioRedis", this.url];
  }

  /** A client of ioredis, which ends with the server. */
  get client(): AdaptedClient {
    return this.#client ??= this.clients.use(ioRedisClient(this.port));
  }

  /** A log of this name over that client. */
  log(name: string, options?: RedisLogOptions): RedisLog {
    return this.client.log(name, options);
  }

  /** Sends a command with redis-cli and returns its output. */
  async command(...args: string[]): Promise<string> {
    const place = ["-h", "127.0.0.1", "-p", String(this.port), "-e"];
    const result = await runCommand("redis-cli", [...place, ...args]);
    const { success, stdout, output } = result;
    if (!success) throw new Error(`Redis refused ${args[0]}: ${output}`);
    return stdout.trim();
  }

  protected spawn(): Promise<Process> {
    const args = [
      ...["--bind", "127.0.0.1", "--port", String(this.port)],
      ...["--dir", this.folder, "--loglevel", "warning", "--save", ""],
      ...this.#config,
    ];
    const process = new Process("redis-server", args, { stdout: "null" });
    return Promise.resolve(process);
  }

  protected answers(): Promise<boolean> {
    return this.replies(new TextEncoder().encode("PING\r\n"), "+PONG\r\n");
  }
}
