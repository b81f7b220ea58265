/** The channel in Deno KV: `CHANNEL_KV=file deno serve -A examples/channel/deno_kv.ts`. On Deno Deploy without a file. */
import { DenoKvLog } from "../../src/deno_kv/mod.ts";
import { type App, createApp } from "./app.ts";

const kv = await Deno.openKv(Deno.env.get("CHANNEL_KV"));
const app: App = createApp(new DenoKvLog(kv, "news", { maxEvents: 100 }));
export default app;
