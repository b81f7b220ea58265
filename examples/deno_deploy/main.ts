/** The app on Deno Deploy, and with `deno task start` on your machine: router, pages, and the end of an instance. */
import { DenoKvLog } from "@rivulet/sse/deno-kv";
import { serveDir, serveFile } from "@std/http/file-server";
import { accepts } from "@std/http/negotiation";
import { route } from "@std/http/unstable-route";
import { createApp } from "./app.ts";

const kv = await Deno.openKv();
const app = createApp(new DenoKvLog(kv, "news", { maxAge: 86_400_000 }));
const fsRoot = `${import.meta.dirname}/static`;
const pattern = new URLPattern({ pathname: "/news" });

/** Answers with a page for people, and with the events for EventSource. */
function follow(request: Request): Promise<Response> {
  const type = accepts(request, "text/event-stream", "text/html");
  return type === "text/html"
    ? serveFile(request, `${fsRoot}/index.html`)
    : app.follow(request);
}

const server = Deno.serve(route([
  { pattern, method: "POST", handler: (request) => app.publish(request) },
  { pattern, handler: follow },
], (request) => serveDir(request, { fsRoot, quiet: true })));

// Deno Deploy sends SIGKILL 5 seconds later.
Deno.addSignalListener("SIGINT", async () => {
  setTimeout(() => Deno.exit(1), 4500);
  await app.stop();
  await server.shutdown();
  Deno.exit();
});
