/**
 * The demo on Deno, its events in a SQLite file: `deno task demo`.
 * With a URL it reads that event stream instead and prints its events: `deno task demo URL`.
 */
import { DatabaseSync } from "node:sqlite";
import { SqliteLog } from "../../src/sql/sqlite_mod.ts";
import { createApp, type OpenLog, startPublishers } from "./app.ts";
import { printEvents } from "./read.ts";
import { restart, startServer } from "./supervisor.ts";

const [url] = Deno.args;
if (url !== undefined) Deno.exit(await printEvents(url));

const root = new URL("../../", import.meta.url);
const folder = new URL("examples/demo/build/", root);
await Deno.mkdir(folder, { recursive: true });
// The server and the publishers are two processes. The file is all that they share.
const database = new DatabaseSync(
  Deno.env.get("DEMO_FILE") ?? new URL("demo.db", folder),
);
const openLog: OpenLog = (name, retention) =>
  new SqliteLog(database, name, retention);

const port = await startServer(
  ["run", "--allow-all", "--quiet", import.meta.url],
  () => startPublishers(openLog),
);

const app = createApp({
  openLog,
  async bundleClient() {
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["bundle", "--platform=browser", "--minify", "src/client/mod.ts"],
        cwd: root,
      },
    ).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  },
  process: `${Deno.pid}`,
  restart,
});
Deno.serve({
  hostname: "127.0.0.1",
  port,
  onListen: ({ port }) =>
    console.log(`Open http://127.0.0.1:${port}/ (server process ${Deno.pid})`),
}, app.fetch);
