/**
 * The demo on Deno, its events in a Deno KV file: `deno task demo`.
 * With a URL it reads that event stream instead and prints its events: `deno task demo URL`.
 */
import { DenoKvLog } from "../../src/deno_kv/mod.ts";
import { createApp } from "./app.ts";
import { printEvents } from "./read.ts";

const [url] = Deno.args;
if (url !== undefined) Deno.exit(await printEvents(url));

const kv = await Deno.openKv(Deno.env.get("DEMO_KV"));
const app = createApp({
  openLog: (name, retention) => new DenoKvLog(kv, name, retention),
  async bundleClient() {
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["bundle", "--platform=browser", "--minify", "src/client/mod.ts"],
        cwd: new URL("../../", import.meta.url),
      },
    ).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  },
});

serve(Number(Deno.env.get("PORT") ?? 8000));

function serve(port: number): void {
  try {
    Deno.serve({
      hostname: "127.0.0.1",
      port,
      onListen: ({ port }) => console.log(`Open http://127.0.0.1:${port}/`),
    }, app.fetch);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    // Perhaps by another demo. On another port the two share the file, and so the room.
    console.log(`Port ${port} is taken.`);
    serve(0);
  }
}
