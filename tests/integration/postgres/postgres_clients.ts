import pg from "npm:pg@8.23.1";
import postgres from "npm:postgres@3.4.9";
import {
  pgListener,
  type PostgresClient,
  PostgresLog,
  type PostgresLogOptions,
} from "../../../src/sql/postgres_mod.ts";

/** A library's client in the form that a log accepts. */
export interface AdaptedClient extends AsyncDisposable {
  readonly client: PostgresClient;
  /** Opens the log of this name. */
  log(name: string, options?: PostgresLogOptions): PostgresLog;
}

function adapted(
  client: PostgresClient,
  close: () => Promise<unknown>,
): AdaptedClient {
  return {
    client,
    log: (name, options) => new PostgresLog(client, name, options),
    [Symbol.asyncDispose]: async () => void await close(),
  };
}

/** Makes a client of pg with a connection for notifications. */
export function pgClient(connectionString: string): AdaptedClient {
  const pool = makePool(connectionString);
  const ends: Promise<unknown>[] = [];
  const create = () => {
    const client = new pg.Client({ connectionString });
    ends.push(new Promise((resolve) => client.on("end", resolve)));
    return client;
  };
  return adapted({
    query: (text, params) => pool.query(text, params),
    listen: pgListener(create),
  }, () => pool.end().then(() => Promise.all(ends)));
}

/** Makes a client of pg that cannot listen. */
export function pollingClient(connectionString: string): AdaptedClient {
  const pool = makePool(connectionString);
  return adapted(pool, () => pool.end());
}

function makePool(connectionString: string): pg.Pool {
  // It leaks the timers of idle connections.
  const pool = new pg.Pool({ connectionString, max: 4, idleTimeoutMillis: 0 });
  // A connection that broke while it was idle is made again.
  pool.on("error", () => {});
  return pool;
}

/** Makes a client of postgres.js. */
export function postgresClient(url: string): AdaptedClient {
  const sql = postgres(url, { max: 4, onnotice: () => {} });
  return adapted({
    query: (text, params) => sql.unsafe(text, params),
    async listen(channel, wake) {
      const { unlisten } = await sql.listen(channel, wake, wake);
      return unlisten;
    },
  }, () => sql.end({ timeout: 1 }));
}

/** Starts the proxy that Neon's driver connects through: a WebSocket whose messages are the bytes of Postgres's protocol. */
export function startNeonProxy(
  postgresPort: number,
): Deno.HttpServer<Deno.NetAddr> {
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  return Deno.serve(options, async (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: postgresPort,
    });
    const writer = connection.writable.getWriter();
    socket.onmessage = ({ data }) =>
      void writer.write(new Uint8Array(data)).catch(() => socket.close());
    socket.onclose = () => void writer.close().catch(() => {});
    connection.readable.pipeTo(
      new WritableStream({ write: (bytes) => socket.send(bytes) }),
    ).catch(() => {}).finally(() => socket.close());
    return response;
  });
}
