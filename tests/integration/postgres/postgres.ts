import { runCommand } from "../../../tools/command.ts";
import { Process } from "../../../tools/process.ts";
import { pause } from "../../../tools/pause.ts";
import {
  type PostgresClient,
  PostgresLog,
  type PostgresLogOptions,
} from "../../../src/sql/postgres_mod.ts";
import { LocalServer } from "../logs/local_server.ts";
import { type AdaptedClient, pgClient } from "./postgres_clients.ts";

/** Postgres refuses to run as root: then it runs as this user, which its package makes. */
const USER = "postgres";

/** A Postgres process. */
export class PostgresServer extends LocalServer {
  readonly #config: readonly string[];
  #adapted: AdaptedClient | undefined;

  private constructor(folder: string, config: readonly string[]) {
    super(folder);
    this.#config = config;
  }

  /** Starts one with settings such as `"fsync=on"`. */
  static async start(...config: string[]): Promise<PostgresServer> {
    const template = Deno.env.get("POSTGRES_TEMPLATE");
    const folder = template ? await makeFolder() : await makeCluster();
    if (template) await run("cp", ["-a", `${template}/data`, folder]);
    const server = new PostgresServer(folder, config);
    await server.restart();
    return server;
  }

  /** Starts one with the tables of logs. */
  static async startMigrated(...config: string[]): Promise<PostgresServer> {
    const server = await PostgresServer.start(...config);
    await PostgresLog.migrate(server.client);
    return server;
  }

  /** Starts a standby that follows this one. */
  async startStandby(): Promise<PostgresServer> {
    const folder = await makeFolder();
    await run(await findProgram("pg_basebackup"), [
      ...["-D", `${folder}/data`, "--checkpoint=fast", "--write-recovery-conf"],
      ...["-d", this.url, "--no-sync"],
    ], await findUser());
    const server = new PostgresServer(folder, this.#config);
    await server.restart();
    return server;
  }

  get url(): string {
    return this.urlOf("postgres");
  }

  urlOf(database: string, port: number = this.port): string {
    return `postgres://${USER}@127.0.0.1:${port}/${database}`;
  }

  /** The arguments of a process that connects to it. */
  get args(): string[] {
    return ["pg", this.url];
  }

  /** A client of pg, which ends with the server. */
  get client(): PostgresClient {
    this.#adapted ??= this.clients.use(pgClient(this.url));
    return this.#adapted.client;
  }

  /** A log of this name over that client. */
  log(name: string, options?: PostgresLogOptions): PostgresLog {
    return new PostgresLog(this.client, name, options);
  }

  /** Runs SQL with psql and returns its output, columns separated by `|`. */
  async query(sql: string): Promise<string> {
    return (await this.#psql("-At", "-c", sql)).trim();
  }

  /** Runs the SQL in a file. */
  async runFile(path: string): Promise<void> {
    await this.#psql("-f", path);
  }

  async #psql(...args: string[]): Promise<string> {
    const strict = ["-Xq", "-v", "ON_ERROR_STOP=1"];
    const program = await findProgram("psql");
    return await run(program, [this.url, ...strict, ...args]);
  }

  /** Ends the postmaster with SIGKILL, and waits until those that it has started have noticed. */
  override async kill(): Promise<void> {
    await super.kill();
    while (await this.answers()) await pause(20);
  }

  /** Ends one of the processes that serve clients with SIGKILL, upon which Postgres restarts all of them. */
  async killBackend(): Promise<void> {
    const pid = await this.query(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1",
    );
    if (pid !== "") Deno.kill(Number(pid), "SIGKILL");
  }

  /** Promotes a standby to a primary server. */
  async promote(): Promise<void> {
    await this.query("SELECT pg_promote()");
  }

  protected async spawn(): Promise<Process> {
    // A killed process leaves this file.
    await Deno.remove(`${this.folder}/data/postmaster.pid`).catch(() => {});
    const settings = [
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      `port=${this.port}`,
      "max_connections=200",
      ...this.#config,
    ].flatMap((setting) => ["-c", setting]);
    const args = ["-D", `${this.folder}/data`, ...settings];
    return new Process(await findProgram("postgres"), args, {
      cwd: this.folder,
      stdout: "null",
      stderr: "null",
      ...await findUser(),
    });
  }

  /** Postgres answers with an error while it starts or stops. */
  protected answers(): Promise<boolean> {
    return this.replies(startup(), "R");
  }

  protected override async end(process: Process): Promise<void> {
    process.signal("SIGQUIT");
    await process.ended;
  }
}

/** A folder with the data of a Postgres that was never started; as `POSTGRES_TEMPLATE`, it saves each server from making its own. */
export async function makeCluster(): Promise<string> {
  const folder = await makeFolder();
  await run(await findProgram("initdb"), [
    ...["-D", `${folder}/data`, "--auth=trust", `--username=${USER}`],
    ...["--no-sync", "--encoding=UTF8", "--locale=C"],
  ], await findUser());
  return folder;
}

async function makeFolder(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "postgres_" });
  const { uid, gid } = await findUser();
  if (uid !== undefined) await Deno.chown(folder, uid, gid!);
  return folder;
}

/** The first message of a Postgres client: its length, the protocol version, the user and the database. */
function startup(): Uint8Array<ArrayBuffer> {
  const text = `user\0${USER}\0database\0postgres\0\0`;
  const bytes = new Uint8Array(8 + text.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, bytes.length);
  view.setInt32(4, 3 << 16);
  new TextEncoder().encodeInto(text, bytes.subarray(8));
  return bytes;
}

/** Runs a program, as another user if one is given, and returns its output. */
async function run(
  program: string,
  args: string[],
  user: { uid?: number; gid?: number } = {},
): Promise<string> {
  const command = new Deno.Command(program, { args, cwd: "/", ...user });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}

let user: Promise<{ uid?: number; gid?: number }> | undefined;

function findUser(): Promise<{ uid?: number; gid?: number }> {
  async function find() {
    if (Deno.uid() !== 0) return {};
    const [uid, gid] = await Promise.all(
      ["-u", "-g"].map((flag) => runCommand("id", [flag, USER])),
    );
    return { uid: Number(uid!.stdout), gid: Number(gid!.stdout) };
  }
  return user ??= find();
}

let programs: Promise<string> | undefined;

/** The path of one of Postgres's own programs, which Debian keeps in a folder of their version. */
async function findProgram(name: string): Promise<string> {
  programs ??= findPostgres().then((folder) => {
    if (folder === undefined) throw new Error("Postgres is not installed");
    return folder;
  });
  return `${await programs}/${name}`;
}

/** The folder of Postgres's programs, if it is installed. */
export async function findPostgres(): Promise<string | undefined> {
  // The newest version of Debian's packages; elsewhere the one in the PATH.
  const script =
    "{ ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -Vr; command -v initdb; } | head -n 1";
  const { stdout } = await runCommand("sh", ["-c", script]);
  return stdout.trim().replace(/\/initdb$/, "") || undefined;
}
