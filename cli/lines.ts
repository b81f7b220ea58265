/** The lines of a text in UTF-8, without their ends (LF or CRLF); the last one need not have one. */
export async function* readLines(
  source: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void, void> {
  // Without it, Deno 2.9.6 takes a U+FEFF at the start of any chunk for a byte order mark, and drops it.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let begun: string[] = [];
  for await (const chunk of source) {
    const [first, ...more] = decoder.decode(chunk, { stream: true })
      .split("\n");
    begun.push(first!);
    if (more.length === 0) continue;
    const rest = more.pop()!;
    for (const line of [begun.join(""), ...more]) yield withoutReturn(line);
    begun = [rest];
  }
  const last = begun.join("") + decoder.decode();
  if (last !== "") yield withoutReturn(last);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
