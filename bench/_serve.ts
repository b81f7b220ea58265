import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";

/** Answers requests. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** Answers requests with Node's `(request, response)`. */
export type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
) => void | Promise<void>;

/**
 * Serves on a free port of the loopback interface, in any runtime, and prints the port. In Node, `inNode` answers
 * requests for `/`, if it is given.
 */
export async function serve(
  handler: Handler,
  inNode?: NodeHandler,
): Promise<void> {
  // Exit normally, so that `--cpu-prof` writes its profile.
  process.on("SIGINT", () => process.exit());
  const hostname = "127.0.0.1";
  if ("Deno" in globalThis) {
    Deno.serve({
      hostname,
      port: 0,
      onListen: ({ port }) => console.log(port),
    }, handler);
  } else if ("Bun" in globalThis) {
    // deno-lint-ignore no-explicit-any -- Bun's types are missing here.
    const { Bun } = globalThis as any;
    const { port } = Bun.serve({
      hostname,
      port: 0,
      idleTimeout: 255,
      fetch: handler,
    });
    console.log(port);
  } else {
    const { createServer } = await import("node:http");
    const { getRequestListener } = await import("npm:@hono/node-server@2.1.8");
    const listener = getRequestListener(handler);
    const server = createServer((request, response) => {
      if (request.url === "/" && inNode) void inNode(request, response);
      else void listener(request, response);
    });
    server.listen(0, hostname, () => {
      const { port } = server.address() as { port: number };
      console.log(port);
    });
  }
}
