import { handle } from "./handler.ts";

const port = Number(Deno.env.get("PORT") ?? 0);
Deno.serve({
  hostname: "127.0.0.1",
  port,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
}, (request) => handle(request));
