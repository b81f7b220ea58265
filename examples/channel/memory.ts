/** The channel in memory, for one process: `deno serve examples/channel/memory.ts`. */
import { MemoryLog } from "../../mod.ts";
import { type App, createApp } from "./app.ts";

const app: App = createApp(new MemoryLog({ maxEvents: 100 }));
export default app;
