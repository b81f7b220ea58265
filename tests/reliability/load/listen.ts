/** A server that listens, on Deno or Bun. */
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
  stop(cuts?: boolean): Promise<void>;
}

declare const Bun: { serve(options: object): BunServer };

const hostname = "127.0.0.1";

export function listen(port: number, handle: Handler): Listening {
  return "Deno" in globalThis
    ? listenOnDeno(port, handle)
    : listenOnBun(port, handle);
}

function listenOnDeno(port: number, handle: Handler): Listening {
  const controller = new AbortController();
  const { signal } = controller;
  const server = Deno.serve({ hostname, port, signal, onListen() {} }, handle);
  return {
    port: server.addr.port,
    cut: () => controller.abort(),
    shutdown: () => server.shutdown(),
  };
}

function listenOnBun(port: number, handle: Handler): Listening {
  // No idle timeout, since Bun also treats a client that does not read as idle.
  const options = { hostname, port, fetch: handle, idleTimeout: 0 };
  const server = Bun.serve(options);
  return {
    port: server.port,
    cut: () => void server.stop(true),
    shutdown: () => server.stop(),
  };
}
