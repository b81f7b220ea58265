/** Untrusted requests and misbehaving clients of a server, over real sockets. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decode } from "../../../src/decode.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { Channel } from "../../../src/server/mod.ts";
import type { Served } from "../../support/served.ts";
import { servers } from "./server.ts";
import { Socket } from "../../support/socket.ts";
import { until } from "../../support/until.ts";

const encoder = new TextEncoder();

/** Sends bytes as they are, and reads until the answer's first event, or its end. */
async function send(server: Served, head: Uint8Array[]): Promise<string> {
  const { hostname, port } = new URL(server.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const buffer = new Uint8Array(65536);
  let text = "";
  try {
    for (const part of head) {
      for (let at = 0; at < part.length;) {
        at += await connection.write(part.subarray(at));
      }
    }
    while (!/^data: .*$/m.test(text)) {
      const length = await connection.read(buffer);
      if (length === null) break;
      text += new TextDecoder().decode(buffer.subarray(0, length));
    }
  } catch (error) {
    // Servers refuse a head that is too long while it is still being sent.
    if (!(error instanceof Deno.errors.ConnectionReset)) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }
  return text;
}

function headOf(query: string, ...lines: Uint8Array[]): Uint8Array[] {
  const crlf = encoder.encode("\r\n");
  const first = `GET /channel?${query} HTTP/1.1\r\nHost: a\r\n`;
  return [
    encoder.encode(first),
    ...lines.flatMap((line) => [line, crlf]),
    crlf,
  ];
}

/** A `Last-Event-ID` header of text, or of bytes. */
function header(value: string | number[]): Uint8Array {
  const name = [...encoder.encode("Last-Event-ID: ")];
  const bytes = typeof value === "string" ? encoder.encode(value) : value;
  return Uint8Array.from([...name, ...bytes]);
}

/** Requests, and whether a server may reject them before the handler runs. */
const requests: Record<string, [head: Uint8Array[], mayRefuse?: true]> = {
  "an ID of 4 KB": [headOf("", header("a".repeat(4000)))],
  "an ID of 100 KB": [headOf("", header("a".repeat(100_000))), true],
  "an ID of 4 KB in the query": [headOf(`lastEventId=${"a".repeat(4000)}`)],
  "an ID of 100 KB in the query": [
    headOf(`lastEventId=${"a".repeat(100_000)}`),
    true,
  ],
  "an ID that is not UTF-8": [headOf("", header([0xff, 0xfe, 0x80])), true],
  "an ID in Latin-1": [headOf("", header([0xe9, 0x2d, 0x31])), true],
  "an ID with NUL": [headOf("", header([0x61, 0, 0x62])), true],
  "an ID with control characters": [headOf("", header([1, 2, 0x7f])), true],
  "an ID on two lines": [headOf("", header("a"), encoder.encode(" b")), true],
  "two IDs": [headOf("", header("0-1"), header("0-2"))],
  "line breaks in the query": [
    headOf("lastEventId=a%0D%0A%0D%0Aevent%3A%20evil%0Adata%3A%20x"),
  ],
  "half an escape in the query": [headOf("lastEventId=%E4%B8%&lastEventId=b")],
  "NUL and a lone surrogate in the query": [
    headOf("lastEventId=%00%ED%A0%80"),
  ],
  "JSON in the query": [headOf("lastEventId=%22%7D%2C%7B%22")],
  "the future": [headOf("lastEventId=0-9007199254740991")],
  "beyond the future": [headOf("lastEventId=0-9007199254740993")],
  "an array in the query": [headOf("lastEventId[]=1&lastEventId=__proto__")],
};

/** The only event of the response, which must be a gap. */
function gapIn(answer: string): { reason: string; requested: string } {
  const event = answer.match(/^event: .*$/gm);
  assertEquals(event, ["event: gap"], answer.slice(0, 500));
  return JSON.parse(answer.match(/^data: (.*)$/m)![1]!);
}

for (const [name, start] of Object.entries(servers)) {
  Deno.test(`Channel on ${name} answers hostile IDs with a gap, unless the runtime rejects them, and continues`, async () => {
    await using server = await start();
    await (await fetch(`${server.url}/publish`, { method: "POST" })).text();
    for (const [what, [head, mayRefuse]] of Object.entries(requests)) {
      const answer = await send(server, head);
      if (answer.startsWith("HTTP/1.1 200")) {
        const { reason, requested } = gapIn(answer);
        assert(["invalid", "epoch"].includes(reason), `${what}: ${reason}`);
        assert(requested.length <= 128, what);
      } else {
        assert(mayRefuse, `${what}: ${answer.slice(0, 500)}`);
        assertMatch(answer, /^$|^HTTP\/1\.1 4\d\d /, what);
        console.log(`${name} refuses ${what}: ${answer.split("\r\n")[0]}`);
      }
    }
    // It is as it was.
    const url = `${server.url}/channel?lastEventId=0-0`;
    const events: ServerSentEvent[] = [];
    for await (const event of decode(await fetch(url))) {
      if (events.push(event) === 2) break;
    }
    assertEquals(events.map(({ data }) => data), ["1", "the end"]);
    assertEquals(server.stderr, "");
  });
}

function serve(channel: Channel): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => channel.respond(request),
  );
}

Deno.test("Channel answers 503 to 200 clients beyond maxSubscribers, keeps the others connected, and accepts clients again later", async () => {
  const channel = new Channel({ maxSubscribers: 3, retry: 0 });
  await using server = serve(channel);
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const open = async () => {
    const socket = await Socket.open(url);
    return { socket, head: await socket.until("\r\n\r\n") };
  };
  const within = [await open(), await open(), await open()];
  const beyond = await Promise.all(Array.from({ length: 200 }, open));
  for (const { head, socket } of beyond) {
    assertMatch(head, /^HTTP\/1\.1 503 /);
    assertMatch(head, /^retry-after: [1-9]/m);
    socket[Symbol.dispose]();
  }
  assertEquals(channel.stats.subscribers, 3);
  await channel.publish({ data: "for three" });
  for (const { socket } of within) await socket.until("for three");
  within[0]!.socket[Symbol.dispose]();
  await until(() => channel.stats.subscribers === 2);
  const next = await open();
  assertMatch(next.head, /^HTTP\/1\.1 200 /);
  for (const { socket } of [...within.slice(1), next]) {
    socket[Symbol.dispose]();
  }
  await until(() => channel.stats.subscribers === 0);
});

Deno.test("Channel sends everything to a client that reads a byte at a time, without delaying other clients", async () => {
  const channel = new Channel({ retry: 0, keepAlive: false });
  await using server = serve(channel);
  const url = `http://127.0.0.1:${server.addr.port}/?lastEventId=0-0`;
  const { hostname, port } = new URL(url);
  using slow = await Deno.connect({ hostname, port: Number(port) });
  await slow.write(
    encoder.encode("GET /?lastEventId=0-0 HTTP/1.1\r\nHost: a\r\n\r\n"),
  );
  const datas = Array.from({ length: 200 }, (_, i) => `event ${i + 1}.`);
  for (const data of datas) await channel.publish({ data });
  // The quick one has all before the slow one has read a byte.
  const seen: string[] = [];
  for await (const { data } of decode(await fetch(url))) {
    if (seen.push(data) === datas.length) break;
  }
  assertEquals(seen, datas);
  const buffer = new Uint8Array(1);
  let text = "";
  while (!text.includes("event 200.")) {
    assertEquals(await slow.read(buffer), 1);
    text += String.fromCharCode(buffer[0]!);
  }
  assertEquals(text.match(/event \d+\./g), datas);
});
