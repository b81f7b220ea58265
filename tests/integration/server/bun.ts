import { handle } from "./handler.ts";

declare const Bun: {
  serve(options: object): { port: number };
};

const { port } = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request: Request) => handle(request),
});
console.log(`http://127.0.0.1:${port}`);
