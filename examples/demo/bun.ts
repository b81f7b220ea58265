/** The demo on Bun, its events in memory: `bun examples/demo/bun.ts`. Bun itself installs Hono. */
import { MemoryLog } from "../../mod.ts";
import { createApp } from "./app.ts";

/** What is used of Bun. */
declare const Bun: {
  env: Record<string, string | undefined>;
  build(
    options: { entrypoints: string[]; target: "browser"; minify: boolean },
  ): Promise<{ outputs: Blob[] }>;
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request): Response | Promise<Response>;
  }): { url: URL };
};

const app = createApp({
  openLog: (_, retention) => new MemoryLog(retention),
  async bundleClient() {
    const { outputs } = await Bun.build({
      entrypoints: [
        new URL("../../src/client/mod.ts", import.meta.url).pathname,
      ],
      target: "browser",
      minify: true,
    });
    return await outputs[0]!.text();
  },
});

const { url } = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(Bun.env.PORT ?? 8000),
  fetch: app.fetch,
});
console.log(`Open ${url}`);
