/**
 * `load.ts URL CLIENTS EVENTS`: follows a channel with many clients and compares every byte that each receives with what was
 * published. Prints `ready` when all are connected, and at the end the results as JSON.
 */
const [url, clients, events] = [
  Deno.args[0]!,
  Number(Deno.args[1]),
  Number(Deno.args[2]),
];
const encoder = new TextEncoder();
const START = encoder.encode("retry: 0\n\nid: 0-0\n\n");

/** What every client must receive after the start: built once, when the epoch is known. */
let expected: Uint8Array | undefined;

function expectedOf(chunk: Uint8Array): Uint8Array {
  const [, epoch] = new TextDecoder().decode(chunk).match(/^id: (\w+)-1\n/)!;
  const datas = Array.from({ length: events }, (_, i) => `${i + 1}`);
  return encoder.encode(
    [...datas, "the end"].map((data, i) =>
      `id: ${epoch}-${i + 1}\ndata: ${data}\n\n`
    ).join(""),
  );
}

function check(chunk: Uint8Array, part: Uint8Array): void {
  if (chunk.length !== part.length) throw new Error("It got too many bytes");
  for (let i = 0; i < chunk.length; i++) {
    if (chunk[i] !== part[i]) throw new Error(`Byte ${i} of a chunk is wrong`);
  }
}

/** Follows to the last event. */
async function follow(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<number> {
  let offset = 0;
  let chunks = 0;
  while (expected === undefined || offset < expected.length) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The response ended");
    expected ??= expectedOf(value);
    check(value, expected.subarray(offset, offset + value.length));
    offset += value.length;
    chunks++;
  }
  await reader.cancel();
  return chunks;
}

async function connect(): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const response = await fetch(url);
  const reader = response.body!.getReader();
  let offset = 0;
  while (offset < START.length) {
    const { value } = await reader.read();
    check(value!, START.subarray(offset, offset + value!.length));
    offset += value!.length;
  }
  return reader;
}

const readers = [];
while (readers.length < clients) {
  const batch = Math.min(50, clients - readers.length);
  readers.push(...await Promise.all(Array.from({ length: batch }, connect)));
}
console.log("ready");
const chunks = await Promise.all(readers.map(follow));
console.log(JSON.stringify({
  deliveries: clients * (events + 1),
  bytes: clients * expected!.length,
  chunks: chunks.reduce((sum, count) => sum + count, 0),
}));
Deno.exit();
