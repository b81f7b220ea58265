import { PGlite } from "npm:@electric-sql/pglite@0.5.17";
import pg from "npm:pg@8.23.1";
import postgres from "npm:postgres@3.4.9";
import { pgListener, type PostgresClient } from "../../src/sql/postgres_mod.ts";

/** A client of a library, as a log takes it. */
export interface AdaptedClient extends AsyncDisposable {
  client: PostgresClient;
}

/** Makes a client of pg with a connection for notifications. */
export function pgClient(connectionString: string): AdaptedClient {
  const pool = new pg.Pool({ connectionString, max: 4 });
  // A connection that broke while it was idle is made again.
  pool.on("error", () => {});
  const ends: Promise<unknown>[] = [];
  const create = () => {
    const client = new pg.Client({ connectionString });
    ends.push(new Promise((resolve) => client.on("end", resolve)));
    return client;
  };
  return {
    client: {
      query: (text, params) => pool.query(text, params),
      listen: pgListener(create),
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await Promise.all(ends);
    },
  };
}

/** Makes a client of pg that cannot listen. */
export function pollingClient(connectionString: string): AdaptedClient {
  const pool = new pg.Pool({ connectionString, max: 4 });
  pool.on("error", () => {});
  return { client: pool, [Symbol.asyncDispose]: () => pool.end() };
}

/** Makes a client of postgres.js. */
export function postgresClient(url: string): AdaptedClient {
  const sql = postgres(url, { max: 4, onnotice: () => {} });
  return {
    client: {
      query: (text, params) => sql.unsafe(text, params),
      async listen(channel, wake) {
        const { unlisten } = await sql.listen(channel, wake, wake);
        return unlisten;
      },
    },
    [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
  };
}

/** Makes a Postgres in this process, in memory. */
export async function makePglite(): Promise<PGlite> {
  return await PGlite.create();
}
