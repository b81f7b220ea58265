import { Hono } from "hono";
import icon from "./page/icon.svg" with { type: "text" };
import html from "./page/index.html" with { type: "text" };
import style from "./page/style.css" with { type: "text" };
import chat from "./page/chat.js" with { type: "text" };
import dom from "./page/dom.js" with { type: "text" };
import main from "./page/main.js" with { type: "text" };
import news from "./page/news.js" with { type: "text" };
import proof from "./page/proof.js" with { type: "text" };
import stream from "./page/stream.js" with { type: "text" };
import timeline from "./page/timeline.js" with { type: "text" };
import tokens from "./page/tokens.js" with { type: "text" };
import upload from "./page/upload.js" with { type: "text" };

const texts: Record<string, string> = {
  "/": html,
  "/icon.svg": icon,
  "/style.css": style,
  "/chat.js": chat,
  "/dom.js": dom,
  "/main.js": main,
  "/news.js": news,
  "/proof.js": proof,
  "/stream.js": stream,
  "/timeline.js": timeline,
  "/tokens.js": tokens,
  "/upload.js": upload,
};
const types: Record<string, string> = {
  "/": "text/html",
  css: "text/css",
  js: "text/javascript",
  svg: "image/svg+xml",
};

/** Serves the page: its files as they are, and the package's client, which is bundled for the first request. */
export function page(bundleClient: () => Promise<string>): Hono {
  let client: Promise<string> | undefined;
  const app = new Hono();
  for (const [path, text] of Object.entries(texts)) {
    app.get(path, (c) => c.body(text, 200, headersOf(path)));
  }
  app.get("/client.js", async (c) => {
    client ??= bundleClient();
    // After a failure the next request tries again.
    client.catch(() => client = undefined);
    return c.body(await client, 200, headersOf("/client.js"));
  });
  return app;
}

function headersOf(path: string): Record<string, string> {
  const type = types[path.split(".").at(-1)!]!;
  return {
    "content-type": `${type}; charset=utf-8`,
    "cache-control": "no-cache",
  };
}
