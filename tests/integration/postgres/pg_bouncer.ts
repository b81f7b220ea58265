import { Process } from "../../../tools/process.ts";
import { LocalServer } from "../logs/local_server.ts";

/** A PgBouncer in transaction mode in front of a Postgres, with few connections, so that clients share them. */
export class PgBouncer extends LocalServer {
  static async start(postgresPort: number): Promise<PgBouncer> {
    const folder = await Deno.makeTempDir({ prefix: "pgbouncer_" });
    const bouncer = new PgBouncer(folder);
    await Deno.writeTextFile(
      `${folder}/pgbouncer.ini`,
      `[databases]
postgres = host=127.0.0.1 port=${postgresPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${bouncer.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`,
    );
    await Deno.chmod(folder, 0o755);
    await bouncer.restart();
    return bouncer;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  protected spawn(): Promise<Process> {
    // It refuses to run as root.
    const user = Deno.uid() === 0 ? ["-u", "postgres"] : [];
    const args = ["-q", ...user, `${this.folder}/pgbouncer.ini`];
    const env = { PATH: `/usr/sbin:${Deno.env.get("PATH")}` };
    return Promise.resolve(
      new Process("pgbouncer", args, { env, stdout: "null", stderr: "null" }),
    );
  }

  protected answers(): Promise<boolean> {
    return this.replies(new Uint8Array(), "");
  }
}
