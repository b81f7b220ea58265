import { Redis } from "npm:ioredis@6.0.0";
import { createResumableStreamContext } from "npm:resumable-stream@2.2.13/ioredis";
import { EventParser } from "../../src/decode.ts";
import { encodeEvent } from "../../src/encode.ts";
import { ioRedis, RedisLog } from "../../src/redis/mod.ts";
import { resumable } from "../../src/server/mod.ts";
import { RedisServer } from "../../tests/integration/redis/redis.ts";
import { median } from "../_numbers.ts";
import type { Row } from "../_row.ts";

/** The cost of delivering an answer to all of its readers. */
export interface ResumableResult {
  readonly name: string;
  readonly readers: number;
  readonly events: number;
  readonly milliseconds: number;
  /** The commands that Redis executed, including those of scripts. */
  readonly commands: number;
}

/** How much to measure. */
export interface ResumableEffort {
  readonly rounds: number;
  readonly readers: number;
  readonly events: number;
}

/** What the producer sends. */
interface Answer {
  readonly name: string;
  readonly events: number;
  /** Resolves when all readers are connected, because a stream that has ended cannot be followed in both packages. */
  readonly attended: Promise<void>;
}

/** One process that produces and one that only reads, as Redis sees it. */
interface Clients {
  readonly producer: Redis;
  readonly reader: Redis;
  /** A separate client for subscriptions. */
  open(): Redis;
}

/** Starts the producer of an answer and returns the streams of its readers, the first of them in the same process. */
type Way = (
  clients: Clients,
  answer: Answer,
  readers: number,
) => Promise<ReadableStream<Uint8Array | string>[]>;

function token(index: number): string {
  return JSON.stringify({ choices: [{ delta: { content: ` word${index}` } }] });
}

async function* produce(
  { events, attended }: Answer,
): AsyncGenerator<{ data: string }> {
  for (let index = 0; index < events; index++) {
    if (index === 1) await attended;
    yield { data: token(index) };
  }
}

const ways: Record<string, Way> = {
  "resumable()": async ({ producer, reader }, answer, readers) => {
    const [here, there] = [producer, reader].map((client) =>
      resumable(
        new RedisLog(ioRedis(client), answer.name),
        () => produce(answer),
      )
    );
    const request = new Request("http://localhost/");
    const first = await here!.respond(request);
    const others = Array.from(
      { length: readers - 1 },
      () => there!.respond(request),
    );
    return [first, ...await Promise.all(others)].map(({ body }) => body!);
  },
  "resumable-stream": async (clients, answer, readers) => {
    const [here, there] = [clients.producer, clients.reader].map((publisher) =>
      createResumableStreamContext({
        waitUntil: null,
        publisher,
        subscriber: clients.open(),
      })
    );
    const first = await here!.createNewResumableStream(
      answer.name,
      () => ReadableStream.from(frames(answer)),
    );
    const others = Array.from(
      { length: readers - 1 },
      () => there!.resumeExistingStream(answer.name),
    );
    return [first!, ...await Promise.all(others) as ReadableStream<string>[]];
  },
};

async function* frames(answer: Answer): AsyncGenerator<string> {
  for await (const event of produce(answer)) yield encodeEvent(event);
}

/** Lets both take turns on one Redis server. */
export async function raceResumable(
  { rounds, readers, events }: ResumableEffort,
): Promise<ResumableResult[]> {
  await using server = await RedisServer.start();
  const results: ResumableResult[] = [];
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const result = await measure(
        server,
        way,
        { name: `${name} ${round}`, events },
        readers,
      );
      if (round > 0) results.push({ name, readers, events, ...result });
    }
  }
  return results;
}

async function measure(
  server: RedisServer,
  way: Way,
  { name, events }: Omit<Answer, "attended">,
  readers: number,
): Promise<Pick<ResumableResult, "milliseconds" | "commands">> {
  const opened: Redis[] = [];
  const open = (): Redis => {
    const client = new Redis(server.port);
    opened.push(client);
    return client;
  };
  const clients = { producer: open(), reader: open(), open };
  await Promise.all(opened.map((client) => client.ping()));
  await server.command("CONFIG", "RESETSTAT");
  const { promise: attended, resolve } = Promise.withResolvers<void>();
  const streams = await way(clients, { name, events, attended }, readers);
  const start = performance.now();
  resolve();
  const texts = await Promise.all(streams.map(bytesOf));
  const milliseconds = performance.now() - start;
  const stats = await server.command("INFO", "commandstats");
  for (const text of texts) check(text, events);
  for (const client of opened) client.disconnect();
  const calls = Array.from(
    stats.matchAll(/calls=(\d+)/g),
    ([, n]) => Number(n),
  );
  return { milliseconds, commands: calls.reduce((sum, n) => sum + n, 0) };
}

async function bytesOf(
  stream: ReadableStream<Uint8Array | string>,
): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const chunks: (Uint8Array<ArrayBuffer> | string)[] = [];
  for await (const chunk of stream) {
    chunks.push(
      typeof chunk === "string"
        ? encoder.encode(chunk)
        : chunk as Uint8Array<ArrayBuffer>,
    );
  }
  return await new Blob(chunks).bytes();
}

/** Throws unless a reader has received the whole answer. */
function check(bytes: Uint8Array, events: number): void {
  const seen = new EventParser().push(bytes);
  const isRight = seen.length === events &&
    seen.every(({ data }, index) => data === token(index));
  if (!isRight) throw new Error(`${seen.length} events came of ${events}`);
}

/** Compares the two. */
export function resumableRows(results: readonly ResumableResult[]): Row[] {
  const { readers, events } = results[0]!;
  const [own, other] = Object.keys(ways).map((way) =>
    results.filter(({ name }) => name === way)
  );
  const compare = (
    what: string,
    key: "milliseconds" | "commands",
  ): Row => ({
    topic: "A stream that outlives its reader, on Redis",
    name:
      `${readers} readers, ${events} events: ${what}, that of resumable-stream / resumable()'s`,
    ratios: own!.map((result, round) => other![round]![key] / result[key]),
  });
  return [
    compare("time", "milliseconds"),
    compare("commands in Redis", "commands"),
  ];
}

/** Shows the raw results. */
export function showResumable(results: readonly ResumableResult[]): string {
  const by = Object.groupBy(results, ({ name }) => name);
  const lines = Object.entries(by).map(([name, all = []]) => {
    const { readers, events } = all[0]!;
    const time = median(all.map(({ milliseconds }) => milliseconds));
    const commands = median(all.map((result) => result.commands));
    return `  ${name}: ${events} events to ${readers} readers in ${
      time.toFixed(0)
    } ms, ${commands} commands`;
  });
  return ["\nA stream that outlives its reader, on Redis", ...lines].join("\n");
}
