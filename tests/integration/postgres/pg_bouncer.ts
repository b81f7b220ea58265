import { freePort } from "../../support/port.ts";
import { Process } from "../../../tools/process.ts";

/** A PgBouncer in transaction mode in front of a Postgres on the loopback interface. */
export interface PgBouncer extends AsyncDisposable {
  readonly url: string;
}

/** Starts one with few connections, so that clients share them. */
export async function startPgBouncer(postgresPort: number): Promise<PgBouncer> {
  const folder = await Deno.makeTempDir({ prefix: "pgbouncer_" });
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/pgbouncer.ini`,
    `[databases]
postgres = host=127.0.0.1 port=${postgresPort} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`,
  );
  await Deno.chmod(folder, 0o755);
  // It refuses to run as root.
  const user = Deno.uid() === 0 ? ["-u", "postgres"] : [];
  const args = ["-q", ...user, `${folder}/pgbouncer.ini`];
  const process = new Process("pgbouncer", args, {
    env: { PATH: `/usr/sbin:${Deno.env.get("PATH")}` },
    stdout: "null",
    stderr: "null",
  });
  await process.untilReady(() => listens(port));
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async [Symbol.asyncDispose]() {
      await process.kill();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
