const encoder = new TextEncoder();
const output = Deno.stdout.writable.getWriter();

/** Whether standard output shows colors. */
export const coloured: boolean = Deno.stdout.isTerminal() && !Deno.noColor;

/** Writes to standard output. Resolves when it is written, so that a caller that awaits it is as slow as the reader. */
export function print(text: string): Promise<void> {
  const written = output.write(encoder.encode(text));
  // If it is not awaited, the next awaited one fails in the same way.
  written.catch(() => {});
  return written;
}

/** Prints a message on standard error, so that standard output holds the result alone. */
export function notice(text: string): void {
  const painted = Deno.stderr.isTerminal() && !Deno.noColor;
  console.error(painted ? `\x1b[2m${visible(text)}\x1b[22m` : visible(text));
}

/** Writes a line over the one before, where standard error is a terminal. */
export function rewrite(line: string): void {
  if (!Deno.stderr.isTerminal()) return;
  const { columns } = Deno.consoleSize();
  // One that wraps could not be written over.
  const text = `\r\x1b[K${line.slice(0, columns - 1)}`;
  Deno.stderr.writeSync(encoder.encode(text));
}

/**
 * Escapes control characters, and those that change the writing direction: untrusted text must not steer the terminal.
 */
export function visible(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex -- all but the tab and the line feed
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
