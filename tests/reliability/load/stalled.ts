/**
 * `stalled.ts URL STALLED SLOW`: raw connections that never read, and others that read 16 KiB ten times a second. It prints `ready`
 * when all are connected. After any input it prints how many bytes each slow one has read, least first, and exits.
 */
import { pause } from "../../../tools/pause.ts";

const [url, stalled, slow] = [
  new URL(Deno.args[0]!),
  Number(Deno.args[1]),
  Number(Deno.args[2]),
];
const PAUSE = 100;
const request = new TextEncoder().encode(
  `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`,
);

async function open(): Promise<Deno.Conn> {
  const { hostname, port } = url;
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(request);
  return connection;
}

async function openAll(count: number): Promise<Deno.Conn[]> {
  const connections: Deno.Conn[] = [];
  while (connections.length < count) connections.push(await open());
  return connections;
}

const read = new Array<number>(slow).fill(0);

async function readSlowly(connection: Deno.Conn, index: number): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) throw new Error("A slow reader was cut off");
    read[index]! += length;
    await pause(PAUSE);
  }
}

// Referenced until the end: otherwise they would be collected and closed.
const unread = await openAll(stalled);
(await openAll(slow)).forEach(readSlowly);
console.log("ready");
for await (const _ of Deno.stdin.readable) break;
console.log(JSON.stringify(read.sort((a, b) => a - b)));
Deno.exit(unread.length === stalled ? 0 : 1);
