import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { EventStreamError } from "../../../src/error.ts";
import type { EventLog, LogInput, LogPage } from "../../../src/log/log.ts";
import { Channel } from "../../../src/server/channel.ts";
import { stores } from "./stores.ts";

/** A log as a version stored it in its engine, and the expected result of reading it. */
interface Stored {
  readonly stored: unknown;
  readonly page: LogPage;
}

const ALL = { entries: 1000, bytes: 2 ** 20 };
const EVENTS = ["1", "2", "3"].map((data) =>
  frame(`event: tick\ndata: ${data}`)
);

function frame(fields: string): LogInput {
  return { kind: "event", body: `${fields}\n\n` };
}

/** Puts into a log one of everything that is kept. */
async function writeHistory(log: EventLog): Promise<LogPage> {
  await log.append([{ kind: "begin", body: "" }], { expectedLast: 0 });
  await log.append(EVENTS);
  await log.append([{ kind: "event", body: "x".repeat(70_000) }]);
  await log.append([{ kind: "beat", body: "a note" }]);
  await log.append([frame("data: é 字 😀\ndata: \0")], {
    idempotencyKey: "once",
  });
  await log.append([frame("retry: 5\ndata"), frame("data: the newest")]);
  await log.append([...EVENTS].reverse(), { expectedLast: 9 });
  return await readAll(log);
}

function readAll(log: EventLog): Promise<LogPage> {
  return log.read(0, ALL);
}

/** Reads, resumes and continues a log that an earlier version has written. */
async function checkUpgrade(
  log: EventLog,
  page: LogPage,
): Promise<void> {
  assertEquals(await readAll(log), page);
  const { epoch, last } = page;
  assertEquals(
    await log.append([frame("data: again")], { idempotencyKey: "once" }),
    { epoch, seq: 7, repeated: true },
  );
  await assertRejects(
    () => log.append(EVENTS, { expectedLast: last - 1 }),
    EventStreamError,
    `it is ${last}`,
  );
  const channel = new Channel({ log, keepAlive: false });
  const stream = channel.subscribe({ lastEventId: `${epoch}-${last - 2}` });
  const id = await channel.publish({ data: "of this version" });
  assertEquals(id, `${epoch}-${last + 1}`);
  const seen: string[] = [];
  for await (const { event, data } of stream) {
    if (seen.push(`${event} ${data}`) === 3) break;
  }
  assertEquals(seen, ["tick 2", "tick 1", "message of this version"]);
  await channel.close();
  await assertRejects(() => channel.publish({ data: "x" }), EventStreamError);
  const { first, entries } = await readAll(log);
  assertEquals([first, entries.length], [last + 2 - 7, 8]);
  assertEquals(entries.slice(0, 6), page.entries.slice(2));
}

/** Checks that a log of another format is refused, and left as it is. */
async function checkOther(
  log: EventLog,
  look: () => unknown,
): Promise<void> {
  const before = await look();
  const calls = [
    () => readAll(log),
    () => log.append(EVENTS),
    () => log.append(EVENTS, { idempotencyKey: "new", expectedLast: 0 }),
    () => log.expire(1000),
  ];
  for (const call of calls) {
    const error = await assertRejects(call, EventStreamError);
    assertEquals(error.code, "log-unavailable");
    assertStringIncludes(
      error.message,
      "the log must be of format 1: it is of format 2",
    );
  }
  const errors: unknown[] = [];
  const channel = new Channel({
    log,
    keepAlive: false,
    maxOutage: 1,
    onError: (error) => errors.push(error),
  });
  await assertRejects(
    () => Array.fromAsync(channel.subscribe()),
    EventStreamError,
  );
  assert(errors.length > 0);
  assertEquals(await look(), before);
}

/** Stores a log in a new database, as this version does. */
async function record(engine: string): Promise<Stored> {
  await using store = await stores[engine]!();
  const page = await writeHistory(await store.open());
  return { stored: await store.dump(), page };
}

/** Declares the cases of an engine whose log has this name. */
export function testUpgrade(name: string, engine: string): void {
  Deno.test(`${name} reads, resumes and continues a log of format 1, and leaves another format unchanged`, async () => {
    await using store = await stores[engine]!();
    const { stored, page } = await readStored(engine);
    await store.load(stored);
    await checkUpgrade(await store.open(), page);
    await store.changeFormat(stored);
    await checkOther(await store.open(), () => store.dump());
  });

  Deno.test(`${name} still writes format 1`, async () => {
    const now = await record(engine);
    assertEquals(shapeOf(now), shapeOf(await readStored(engine)));
  });
}

/** Rewrites the fixture of each engine. */
export async function recordAll(): Promise<void> {
  for (const engine of Object.keys(stores)) {
    const url = new URL(`format_1/${engine}.json`, import.meta.url);
    await Deno.writeTextFile(url, `${textOf(await record(engine))}\n`);
  }
}

/** Reads the data that a version has stored. */
async function readStored(engine: string): Promise<Stored> {
  const url = new URL(`format_1/${engine}.json`, import.meta.url);
  return JSON.parse(await Deno.readTextFile(url), unpack);
}

/** Writes the data that a version has stored as text. */
function textOf(value: unknown): string {
  return JSON.stringify(value, pack, 2);
}

/** Encodes values that JSON does not support, and shortens long ones. */
function pack(_: string, value: unknown): unknown {
  if (value === Infinity) return { infinity: true };
  if (typeof value === "string" && /^(.)\1{999,}$/.test(value)) {
    return { text: value[0], times: value.length };
  }
  if (!(value instanceof Uint8Array)) return value;
  return value.length > 1000 && value.every((byte) => byte === value[0])
    ? { byte: value[0], times: value.length }
    : { base64: value.toBase64() };
}

// deno-lint-ignore no-explicit-any -- whatever was written
function unpack(_: string, value: any): unknown {
  if (value?.infinity) return Infinity;
  if (value?.text) return value.text.repeat(value.times);
  if (value?.times) return new Uint8Array(value.times).fill(value.byte);
  const { base64 } = value ?? {};
  return typeof base64 === "string" ? Uint8Array.fromBase64(base64) : value;
}

/**
 * The stored data, without the parts that differ on each run. If it differs from the fixture, the written format has
 * changed: an earlier version would misread it, so the format number must be increased.
 */
function shapeOf({ stored, page }: Stored): string {
  return textOf(stored)
    .replaceAll(page.epoch, "EPOCH")
    .replaceAll(/\b1[5-9]\d{11}\b/g, "TIME")
    .replaceAll(/\b2[5-9]\d{11}\b/g, "FORGET")
    .replaceAll(/[0-9a-z]{16}(-\d+)?"/g, 'WRITER"');
}
