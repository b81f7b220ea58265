import { Hono } from "hono";
import html from "./page/index.html" with { type: "text" };
import main from "./page/main.js" with { type: "text" };
import style from "./page/style.css" with { type: "text" };

const files: Record<string, { type: string; text: string }> = {
  "/": { type: "text/html", text: html },
  "/style.css": { type: "text/css", text: style },
  "/main.js": { type: "text/javascript", text: main },
};

/** Serves the page: files as they are, and the package's client, which is bundled when it is first asked for. */
export function page(bundleClient: () => Promise<string>): Hono {
  let client: Promise<string> | undefined;
  const app = new Hono();
  for (const [path, { type, text }] of Object.entries(files)) {
    app.get(path, (c) => c.body(text, 200, headersOf(type)));
  }
  app.get("/client.js", async (c) => {
    client ??= bundleClient();
    return c.body(await client, 200, headersOf("text/javascript"));
  });
  return app;
}

function headersOf(type: string): Record<string, string> {
  return {
    "content-type": `${type}; charset=utf-8`,
    "cache-control": "no-cache",
  };
}
