/** The channel in Postgres: `DATABASE_URL=postgres://127.0.0.1/app deno serve -A examples/channel/postgres.ts`. */
import pg from "npm:pg@8.23.1";
import { pgListener, PostgresLog } from "../../src/sql/postgres_mod.ts";
import { type App, createApp } from "./app.ts";

const connectionString = Deno.env.get("DATABASE_URL");
const pool = new pg.Pool({ connectionString });
// The pool replaces a connection that breaks while it is idle.
pool.on("error", () => {});
await PostgresLog.migrate(pool);
const log = new PostgresLog(
  {
    query: (text, params) => pool.query(text, params),
    listen: pgListener(() => new pg.Client({ connectionString })),
  },
  "news",
  { maxEvents: 100 },
);
const app: App = createApp(log);
export default app;
