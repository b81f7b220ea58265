import { assert, assertEquals, assertRejects } from "@std/assert";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { EventStreamError } from "../../../src/error.ts";
import { until } from "../../support/until.ts";
import { ConnectServer } from "./connect_server.ts";
import {
  events,
  interfere,
  marked,
  readAll,
  readBodies,
  startPeer,
} from "./fixture.ts";
import { pause } from "../../../tools/pause.ts";

Deno.test("append() is not duplicated when Deno resends a commit whose answer was lost", async () => {
  await using server = new ConnectServer();
  const [log, other] = [await server.log("log"), await server.log("log")];
  const seqs: number[] = [];
  for (let i = 0; i < 6; i++) {
    server.lostAnswers = i % 3;
    const [{ seq }] = await Promise.all([
      log.append(events(`${i}`)),
      i % 2 === 0 ? undefined : other.append(events("other")),
    ]);
    seqs.push(seq);
  }
  const own = (await readAll(log)).filter(({ body }) => body !== "other");
  assertEquals(own.map(({ body }) => body), seqs.map((_, i) => `${i}`));
  assertEquals(own.map(({ seq }) => seq), seqs);
});

Deno.test("append() with a key is applied once though it was rejected while the server was unavailable", async () => {
  await using server = new ConnectServer();
  const commits: Promise<unknown>[] = [];
  const kv = interfere(await server.open(), {
    commit(commit) {
      const result = commit();
      commits.push(result);
      return result;
    },
  });
  const log = new DenoKvLog(kv, "log", { timeout: 2000 });
  const options = { idempotencyKey: "k" };
  await log.append(events("a"));
  server.isAway = true;
  const error = await assertRejects(
    () => log.append(events("b"), options),
    EventStreamError,
  );
  assertEquals(error.code, "log-unavailable");
  assertEquals((error.cause as Error).name, "TimeoutError");
  server.isAway = false;
  // Deno still retries the commit that is no longer awaited.
  await log.append(events("b"), options);
  await log.append(events("c"));
  await Promise.all(commits);
  assertEquals(await readBodies(log), ["a", "b", "c"]);
});

Deno.test("watch() stops polling when kv.watch() reports another process's append", async () => {
  await using server = new ConnectServer();
  await using child = startPeer(server.path);
  let lookedAt = performance.now();
  const look = () => lookedAt = performance.now();
  const kv = interfere(await server.open(), { look });
  const controller = new AbortController();
  let woken = 0;
  new DenoKvLog(kv, "log").watch(() => woken++, controller.signal);
  for (let i = 0; i < 6; i++) {
    const before = woken;
    await pause(250);
    await child.say(`publish ${i} 1`);
    await until(() => woken > before);
  }
  // As long as it is not known it looks every 1 to 4 seconds.
  await until(() => performance.now() - lookedAt > 5000);
  controller.abort();
});

Deno.test("DenoKvLog on a server delivers each event once and in order to two processes", async () => {
  await using server = new ConnectServer();
  await using a = startPeer(server.path);
  await using b = startPeer(server.path);
  for (const child of [a, b]) await child.say("follow 1000");
  await a.say("publish a 500");
  await b.say("publish b 500");
  for (const child of [a, b]) await child.until(/^followed/m);
  const [lines, others] = [marked(a, "="), marked(b, "=")];
  assertEquals(lines, others);
  assertEquals(new Set(lines.map((line) => line.split(" ")[1])).size, 1000);
  assert(lines.every((line, i) => line.startsWith(`${i + 1} `)));
});
