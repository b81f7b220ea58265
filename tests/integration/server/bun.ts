import { handle } from "./handler.ts";

declare const Bun: {
  serve(options: object): { port: number };
};

/** What Bun passes along with a request. */
interface BunServer {
  timeout(request: Request, seconds: number): void;
}

const { port } = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request: Request, server: BunServer) {
    // On a slow machine more than Bun's 10 seconds pass in silence: the waiting client would be cut off, and fetch() would publish again.
    if (!request.url.endsWith("/silent")) server.timeout(request, 0);
    return handle(request);
  },
});
console.log(`http://127.0.0.1:${port}`);
