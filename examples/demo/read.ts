import { decode, type ServerSentEvent } from "../../mod.ts";

/**
 * Reads any event stream over the network and prints its events, each as one line of JSON.
 *
 * @returns The exit code: 0 when the stream has ended, 1 when it could not be read or failed.
 */
export async function printEvents(url: string): Promise<number> {
  try {
    const response = await fetch(url, {
      headers: { accept: "text/event-stream" },
    });
    await decode(response)
      .pipeThrough(lines())
      .pipeThrough(new TextEncoderStream())
      .pipeTo(Deno.stdout.writable);
    return 0;
  } catch (error) {
    // The reader of the lines has enough: `| head`.
    if (error instanceof Deno.errors.BrokenPipe) return 0;
    console.error(`Cannot read ${toLine(url)}: ${explain(error)}`);
    return 1;
  }
}

function lines(): TransformStream<ServerSentEvent, string> {
  return new TransformStream({
    transform: (event, controller) => controller.enqueue(`${toLine(event)}\n`),
  });
}

/** JSON with every control character escaped: untrusted text must not control the terminal. */
function toLine(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\x7f-\x9f]/g,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  );
}

/** The message with that of its cause, where `fetch` puts the reason. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
