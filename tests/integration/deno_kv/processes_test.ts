import { assertEquals } from "@std/assert";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { until } from "../../support/until.ts";
import type { Process } from "../../../tools/process.ts";
import { interfere, KvFile, marked, readAll, startPeer } from "./fixture.ts";

/** Reads a follower's output, and fails unless it is numbered 1, 2, 3, … */
function followed(child: Process): string[] {
  return marked(child, "=").map((line, i) => {
    const [seq, body] = line.split(" ");
    assertEquals(seq, `${i + 1}`);
    return body!;
  });
}

/** Reads the positions of the events that were acknowledged to a publisher. */
function acknowledged(child: Process): Map<string, number> {
  return new Map(
    marked(child, "+").map((line) => {
      const [body, seq] = line.split(" ");
      return [body!, Number(seq)];
    }),
  );
}

Deno.test("DenoKvLog delivers each of 10,000 events once and in order to two processes that publish them", async () => {
  await using file = await KvFile.make();
  await using a = startPeer(file.path);
  await using b = startPeer(file.path);
  for (const child of [a, b]) await child.say("follow 10000");
  await a.say("publish a 5000");
  await b.say("publish b 5000");
  for (const child of [a, b]) await child.until(/^followed/m);

  const bodies = followed(a);
  assertEquals(followed(b), bodies);
  assertEquals(bodies.length, 10_000);
  const expected = ["a", "b"].flatMap((name) =>
    Array.from({ length: 5000 }, (_, i) => `${name}:${i}`)
  );
  assertEquals([...bodies].sort(), expected.sort());
  for (const child of [a, b]) {
    await child.until(/^published/m);
    for (const [body, seq] of acknowledged(child)) {
      assertEquals(bodies[seq - 1], body);
    }
  }
});

Deno.test("DenoKvLog keeps every acknowledged event when processes are killed under load", async () => {
  await using file = await KvFile.make();
  await using survivor = startPeer(file.path);
  await survivor.say("follow 1000000");
  const published: Map<string, number>[] = [];
  for (let generation = 0; generation < 4; generation++) {
    await using child = startPeer(file.path);
    await child.say(`publish ${generation} 1000000`);
    await until(() => marked(child, "+").length > 300);
    // Sometimes no other process uses the file.
    if (generation === 1) {
      await until(() => marked(survivor, "=").length > 300);
      await survivor.kill();
    }
    await child.kill();
    published.push(acknowledged(child));
  }

  const log = await file.log("log");
  const bodies = (await readAll(log)).map(({ body }) => body);
  assertEquals(new Set(bodies).size, bodies.length);
  for (const [body, seq] of published.flatMap((map) => [...map])) {
    assertEquals(bodies[seq - 1], body);
  }
  // The entries of one append are consecutive, acknowledged or not.
  for (const [i, body] of bodies.entries()) {
    const [generation, n] = body.split(":").map(Number) as [number, number];
    if (groupOf(n) < n) assertEquals(bodies[i - 1], `${generation}:${n - 1}`);
  }
  const seen = followed(survivor);
  assertEquals(seen, bodies.slice(0, seen.length));
});

/** Returns the first number of the append that contains this number: a peer appends 1, 2, 3, 1, 2, 3, … events at a time. */
function groupOf(n: number): number {
  let start = 0;
  for (;;) {
    const next = start + 1 + start % 3;
    if (next > n) return start;
    start = next;
  }
}

Deno.test("watch() polls more often when kv.watch() does not report another process's append", async () => {
  await using file = await KvFile.make();
  await using child = startPeer(file.path);
  let looks = 0;
  const kv = interfere(await file.open(), { look: () => looks++ });
  const controller = new AbortController();
  let woken = 0;
  new DenoKvLog(kv, "log").watch(() => woken++, controller.signal);
  for (let i = 0; i < 3; i++) {
    const before = woken;
    await child.say(`publish ${i} 1`);
    await until(() => woken > before);
  }
  // At the initial pace of a poll every 1 to 4 seconds, this would take longer than the test waits.
  looks = 0;
  await until(() => looks >= 50);
  controller.abort();
});

Deno.test("watch() with a pollInterval notifies another process of appends", async () => {
  await using file = await KvFile.make();
  await using child = startPeer(file.path);
  let watches = 0;
  const kv = interfere(await file.open(), { watch: () => watches++ });
  const log = new DenoKvLog(kv, "log", { pollInterval: 10 });
  const controller = new AbortController();
  let woken = 0;
  log.watch(() => woken++, controller.signal);
  for (let i = 0; i < 5; i++) {
    const before = woken;
    await child.say(`publish ${i} 1`);
    await until(() => woken > before);
  }
  controller.abort();
  assertEquals(watches, 0);
  assertEquals((await readAll(log)).length, 5);
});
