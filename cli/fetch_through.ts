/** Makes a `fetch` whose bodies pass through a generator of chunks: `connect()` itself shows no bytes. */
export function fetchThrough(
  pass: (chunk: Uint8Array<ArrayBuffer>) => Iterable<Uint8Array<ArrayBuffer>>,
): (url: string, init: object) => Promise<Response> {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null) return response;
    const chunks = through(response.body, pass);
    // Chunk by chunk, so that nothing is read ahead.
    return new Response(ReadableStream.from(chunks), response);
  };
}

async function* through(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  pass: (chunk: Uint8Array<ArrayBuffer>) => Iterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of body) yield* pass(chunk);
}

/** Splits a chunk after each line end. */
export function* splitLines(
  chunk: Uint8Array<ArrayBuffer>,
): Generator<Uint8Array<ArrayBuffer>> {
  let start = 0;
  for (let end = 1; end <= chunk.length; end++) {
    const isEnd = end === chunk.length || chunk[end - 1] === LF ||
      chunk[end - 1] === CR;
    if (!isEnd) continue;
    yield chunk.subarray(start, end);
    start = end;
  }
}

const LF = 0x0a;
const CR = 0x0d;
