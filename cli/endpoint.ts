import type { Command } from "commander";
import { aborted } from "./interrupt.ts";
import { integer } from "./number_option.ts";
import { notice } from "./terminal.ts";

/** What the options that {@linkcode withEndpoint} adds hold. */
export interface EndpointOptions {
  readonly port: number;
  readonly host: string;
}

/** Gives a command the options of a server. */
export function withEndpoint(command: Command): Command {
  return command
    .option(
      "-p, --port <number>",
      "the port; 0 for any free one",
      integer(0, 65535),
      8000,
    )
    .option("--host <name>", "the address to listen on", "127.0.0.1");
}

/** Answers requests until the signal aborts and every answer has ended. */
export async function listen(
  { port, host }: EndpointOptions,
  handler: (request: Request) => Response | Promise<Response>,
  signal: AbortSignal,
): Promise<void> {
  const onListen = ({ port }: Deno.NetAddr): void =>
    notice(`Listening on http://${host}:${port}/`);
  let server: Deno.HttpServer;
  try {
    server = Deno.serve(
      { port, hostname: host, onListen },
      (request) => handler(withoutSignal(request)),
    );
  } catch (cause) {
    throw new Error(`Cannot listen on ${host}:${port}`, { cause });
  }
  await aborted(signal);
  await server.shutdown();
}

/**
 * Copies a request without its body and signal. The response's stream reports a disconnect too, and Deno 2.9.6 prints a
 * notice once something listens to the signal.
 */
function withoutSignal({ url, method, headers }: Request): Request {
  return new Request(url, { method, headers });
}
