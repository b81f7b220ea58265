/** A server on the loopback interface. */
export interface Listening {
  readonly port: number;
  /** Stops listening and cuts every connection without closing its response. */
  cut(): void;
  /** Stops listening; resolves when every response is complete. */
  shutdown(): Promise<void>;
}

type Handler = (request: Request) => Response | Promise<Response>;

interface BunServer {
  readonly port: number;
  timeout(request: Request, seconds: number): void;
  stop(cuts?: boolean): Promise<void>;
}

declare const Bun: { serve(options: object): BunServer };

const hostname = "127.0.0.1";

/** Listens on Deno, Bun or Node, on a free port unless one is given. */
export function listen(
  handle: Handler,
  port = 0,
): Listening | Promise<Listening> {
  if ("Bun" in globalThis) return listenOnBun(handle, port);
  return "Deno" in globalThis
    ? listenOnDeno(handle, port)
    : listenOnNode(handle, port);
}

function listenOnDeno(handle: Handler, port: number): Listening {
  const controller = new AbortController();
  const { signal } = controller;
  const server = Deno.serve(
    { hostname, port, signal, onListen() {} },
    (request) => handle(request),
  );
  return {
    port: server.addr.port,
    cut: () => controller.abort(),
    shutdown: () => server.shutdown(),
  };
}

function listenOnBun(handle: Handler, port: number): Listening {
  const server = Bun.serve({
    hostname,
    port,
    fetch(request: Request, server: BunServer) {
      // Bun cuts a client off after 10 seconds without traffic, also if the client only does not read.
      if (!request.url.endsWith("/silent")) server.timeout(request, 0);
      return handle(request);
    },
  });
  return {
    port: server.port,
    cut: () => void server.stop(true),
    shutdown: () => server.stop(),
  };
}

async function listenOnNode(
  handle: Handler,
  port: number,
): Promise<Listening> {
  const { serve } = await import("npm:@hono/node-server@2.1.8");
  return await new Promise((resolve) => {
    const server = serve(
      { fetch: handle, hostname, port },
      ({ port }) =>
        resolve({
          port,
          cut: () =>
            "closeAllConnections" in server && server.closeAllConnections(),
          shutdown: () =>
            new Promise((resolve) => server.close(() => resolve())),
        }),
    );
  });
}

/** Listens like {@linkcode listen}, and prints the URL for the process that has started this one. */
export async function announce(
  handle: Handler,
  port?: number,
): Promise<Listening> {
  const listening = await listen(handle, port);
  console.log(`http://127.0.0.1:${listening.port}`);
  return listening;
}
