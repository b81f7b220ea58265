/** The demo on Bun, its events in a SQLite file: `bun examples/demo/bun.ts`. Bun itself installs Hono. */
import { mkdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type SqliteDatabase, SqliteLog } from "../../src/sql/sqlite_mod.ts";
import { createApp, type OpenLog, startPublishers } from "./app.ts";
import { restart, startServer } from "./supervisor.ts";

/** What is used of Bun. */
declare const Bun: {
  build(
    options: { entrypoints: string[]; target: "browser"; minify: boolean },
  ): Promise<{ outputs: Blob[] }>;
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request): Response | Promise<Response>;
  }): { url: URL };
};

const sqlite = "bun:sqlite";
const { Database } = await import(sqlite);
const folder = fileURLToPath(new URL("build/", import.meta.url));
mkdirSync(folder, { recursive: true });
// The server and the publishers are two processes. The file is all that they share.
const database: SqliteDatabase = new Database(
  process.env.DEMO_FILE ?? `${folder}demo.db`,
);
const openLog: OpenLog = (name, retention) =>
  new SqliteLog(database, name, retention);

const port = await startServer(
  [fileURLToPath(import.meta.url)],
  () => startPublishers(openLog),
);

const app = createApp({
  openLog,
  async bundleClient() {
    const { outputs } = await Bun.build({
      entrypoints: [
        fileURLToPath(new URL("../../src/client/mod.ts", import.meta.url)),
      ],
      target: "browser",
      minify: true,
    });
    return await outputs[0]!.text();
  },
  process: `${process.pid}`,
  restart,
});
const { url } = Bun.serve({
  hostname: "127.0.0.1",
  port,
  fetch: app.fetch,
});
console.log(`Open ${url} (server process ${process.pid})`);
