import { decode } from "../../mod.ts";

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
    for await (const event of decode(response)) console.log(toLine(event));
    return 0;
  } catch (error) {
    console.error(`Cannot read ${toLine(url)}: ${explain(error)}`);
    return 1;
  }
}

/** JSON with every control character escaped, since what a stranger sends must not steer the terminal. */
function toLine(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\x7f-\x9f]/g,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  );
}

/** What went wrong, with what was behind it: `fetch` says little by itself. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
