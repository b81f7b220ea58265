import { runCommand } from "../../../tools/command.ts";
import { Process } from "../../../tools/process.ts";
import { freePort } from "../../support/port.ts";
import { pause } from "../../../tools/pause.ts";

/** Postgres refuses to run as root: then it runs as this user, which its package makes. */
const USER = "postgres";

/** A Postgres on a free port of the loopback interface, with its data in a temporary folder. */
export class PostgresServer {
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

  /** Starts one with settings such as `"fsync=on"`. */
  static async start(...config: string[]): Promise<PostgresServer> {
    const template = Deno.env.get("POSTGRES_TEMPLATE");
    const folder = template ? await makeFolder() : await makeCluster();
    if (template) await copy(`${template}/data`, `${folder}/data`);
    const port = freePort();
    const process = await spawn(folder, port, config);
    return new PostgresServer(port, folder, config, process);
  }

  /** Starts a standby that follows this one. */
  async startStandby(): Promise<PostgresServer> {
    const folder = await makeFolder();
    await run("pg_basebackup", [
      ...["-D", `${folder}/data`, "--checkpoint=fast", "--write-recovery-conf"],
      ...["-d", this.url, "--no-sync"],
    ]);
    const port = freePort();
    const process = await spawn(folder, port, this.#config);
    return new PostgresServer(port, folder, this.#config, process);
  }

  get url(): string {
    return this.urlOf("postgres");
  }

  urlOf(database: string): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs SQL with psql and returns its output, columns separated by `|`. */
  async query(sql: string): Promise<string> {
    const args = [this.url, "-AtXq", "-v", "ON_ERROR_STOP=1", "-c", sql];
    const { success, stdout, output } = await runCommand(
      await findProgram("psql"),
      args,
    );
    if (!success) throw new Error(output);
    return stdout.trim();
  }

  /** Runs the SQL in a file. */
  async runFile(path: string): Promise<void> {
    const args = [this.url, "-Xq", "-v", "ON_ERROR_STOP=1", "-f", path];
    const program = await findProgram("psql");
    const { success, output } = await runCommand(program, args);
    if (!success) throw new Error(output);
  }

  /** Ends the postmaster with SIGKILL, and waits until those that it has started have noticed. */
  async kill(): Promise<void> {
    await this.#process.kill();
    while (await answers(this.port)) await pause(20);
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

  /** Starts another process on the same port and data. */
  async restart(): Promise<void> {
    // The killed process has left this file.
    await Deno.remove(`${this.#folder}/data/postmaster.pid`).catch(() => {});
    this.#process = await spawn(this.#folder, this.port, this.#config);
  }

  /** Ends the process and deletes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.signal("SIGQUIT");
    await this.#process.ended;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** A folder with the data of a Postgres that was never started; as `POSTGRES_TEMPLATE`, it saves each server from making its own. */
export async function makeCluster(): Promise<string> {
  const folder = await makeFolder();
  await run("initdb", [
    ...["-D", `${folder}/data`, "--auth=trust", `--username=${USER}`],
    ...["--no-sync", "--encoding=UTF8", "--locale=C"],
  ]);
  return folder;
}

async function copy(from: string, to: string): Promise<void> {
  const { success, output } = await runCommand("cp", ["-a", from, to]);
  if (!success) throw new Error(output);
}

async function makeFolder(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "postgres_" });
  const { uid, gid } = await findUser();
  if (uid !== undefined) await Deno.chown(folder, uid, gid!);
  return folder;
}

async function spawn(
  folder: string,
  port: number,
  config: readonly string[],
): Promise<Process> {
  const settings = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    `port=${port}`,
    "max_connections=200",
    ...config,
  ].flatMap((setting) => ["-c", setting]);
  const args = ["-D", `${folder}/data`, ...settings];
  const process = new Process(await findProgram("postgres"), args, {
    cwd: folder,
    stdout: "null",
    stderr: "null",
    ...await findUser(),
  });
  await process.untilReady(() => answers(port));
  return process;
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

/** Returns whether Postgres accepts connections: it answers with an error while it starts or stops. */
async function answers(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(startup());
    const reply = new Uint8Array(1);
    await connection.read(reply);
    return String.fromCharCode(reply[0]!) === "R";
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    if (error instanceof Deno.errors.ConnectionReset) return false;
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}

async function run(name: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(await findProgram(name), {
    args,
    cwd: "/",
    stdout: "null",
    stderr: "piped",
    ...await findUser(),
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
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
