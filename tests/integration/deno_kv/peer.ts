/**
 * A process with a log on a database in a file, which runs one command per line of its standard input, and
 * writes one line for each thing that has happened.
 *
 * | command | what it does, and writes |
 * |---|---|
 * | `publish NAME COUNT` | appends `NAME:0`, `NAME:1`, …, some at once: `+NAME:0 SEQ` for each, when it is durable |
 * | `follow COUNT` | reads from the beginning whenever it is woken, until it has COUNT entries: `=SEQ BODY` for each |
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";

const [path] = Deno.args as [string];
const kv = await Deno.openKv(path);
const log = new DenoKvLog(kv, "log", { maxEvents: 100_000 });
const encoder = new TextEncoder();

function write(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

async function publish(name: string, count: number): Promise<void> {
  let next = 0;
  async function work(): Promise<void> {
    while (next < count) {
      // One event, or a few that belong together.
      const own = Array.from(
        { length: Math.min(1 + next % 3, count - next) },
        () => `${name}:${next++}`,
      );
      const entries = own.map((body) => ({ kind: "event" as const, body }));
      const { seq } = await log.append(entries);
      for (const [i, body] of own.entries()) {
        write(`+${body} ${seq - own.length + 1 + i}`);
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, work));
  write("published");
}

async function follow(count: number): Promise<void> {
  const controller = new AbortController();
  let wake = () => {};
  let woken = false;
  log.watch(() => {
    woken = true;
    wake();
  }, controller.signal);
  for (let last = 0; last < count;) {
    woken = false;
    const { entries } = await log.read(last, { entries: 500, bytes: 100_000 });
    for (const { seq, body } of entries) write(`=${seq} ${body}`);
    last = entries.at(-1)?.seq ?? last;
    if (entries.length > 0 || woken) continue;
    await new Promise<void>((resolve) => wake = resolve);
  }
  controller.abort();
  write("followed");
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = line.split(" ") as [string, ...string[]];
  if (command === "publish") void publish(args[0]!, Number(args[1]));
  if (command === "follow") void follow(Number(args[0]));
}
