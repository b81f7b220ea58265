/** The channel in a SQLite file: `CHANNEL_FILE=events.db deno serve -A examples/channel/sqlite.ts`. */
import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../src/sql/sqlite_mod.ts";
import { type App, createApp } from "./app.ts";

const database = new DatabaseSync(Deno.env.get("CHANNEL_FILE") ?? "events.db");
const app: App = createApp(new SqliteLog(database, "news", { maxEvents: 100 }));
export default app;
