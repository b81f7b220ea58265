import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { decode } from "../../../src/decode.ts";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { EventStreamError } from "../../../src/error.ts";
import { Channel } from "../../../src/server/mod.ts";
import { checkKill, checkOutage } from "../../support/outage.ts";
import { Publishers } from "../../support/publishers.ts";
import { startServers } from "../../support/servers.ts";
import { until } from "../../support/until.ts";
import { ConnectServer } from "./connect_server.ts";
import { interfere, KvFile } from "./fixture.ts";
import { checkGap, KEPT } from "../../support/gap.ts";

const EVENTS = 1500;

const script = new URL("../logs/server.ts", import.meta.url);

Deno.test("Channel on a DenoKvLog delivers everything once to every client though serving processes are killed", async () => {
  await using file = await KvFile.make();
  await using servers = await startServers(script, ...file.args);
  const followers = [0, 1, 0, 1].map((place) => servers.follow(place));
  const publishers = new Publishers(
    EVENTS,
    (turn, init) => servers.fetch(turn, init),
  );
  const publishing = publishers.run(8);
  await until(() => publishers.done > 300);
  await servers.kill(0);
  await until(() => publishers.done > 600);
  await servers.start(0);
  await until(() => publishers.done > 900);
  await servers.kill(1);
  assert(publishers.done < EVENTS, "Nothing was under way at the last kill");
  await publishing;
  for (const events of await Promise.all(followers)) publishers.check(events);
  assertEquals(publishers.refusals, 0);
});

for (const names of [["a", "b"], ["a", "b", "c"]]) {
  Deno.test(`combine() of ${names.length} channels in Deno KV delivers everything once to every client though a serving process is killed`, async () => {
    await using file = await KvFile.make();
    await using servers = await startServers(script, ...file.args, ...names);
    await checkKill(servers, names);
  });
}

Deno.test("Channel on a DenoKvLog keeps its clients' connections while the database's server is unavailable, and catches up", async () => {
  await using server = new ConnectServer();
  await using servers = await startServers(script, ...server.args);
  await checkOutage(servers, () => server.stop(), () => server.restart());
});

Deno.test("Channel on a DenoKvLog keeps its clients' connections while another process writes to the file, and catches up", async () => {
  await using file = await KvFile.make();
  await using servers = await startServers(script, ...file.args);
  using database = new DatabaseSync(file.path);
  database.exec("pragma busy_timeout = 10000");
  await checkOutage(
    servers,
    () => database.exec("begin immediate"),
    () => database.exec("rollback"),
  );
});

Deno.test("Channel on a DenoKvLog sends a gap to a client that was disconnected for too long", async () => {
  await using file = await KvFile.make();
  await checkGap(await file.log("log", { maxEvents: KEPT }));
});

Deno.test("Channel on a DenoKvLog keeps its clients while the database is unavailable, and catches up", async () => {
  await using file = await KvFile.make();
  let away = false;
  const fail = () =>
    away
      ? Promise.reject(new Error("The database is away"))
      : Promise.resolve();
  const kv = interfere(await file.open(), { get: fail, list: fail });
  let errors = 0;
  const channel = new Channel({
    log: new DenoKvLog(kv, "log"),
    onError: () => errors++,
  });
  const other = new Channel({ log: await file.log("log") });
  const hasty = new Channel({ log: await file.log("log", { timeout: 100 }) });
  const stream = decode(await channel.respond(new Request("http://channel/")));
  const received = Array.fromAsync(stream, ({ data }) => data);
  await channel.publish({ data: "a" });
  away = true;
  await other.publish({ data: "b" });
  await until(() => errors > 1);
  const error = await assertRejects(
    () => channel.publish({ data: "x" }),
    EventStreamError,
  );
  assertEquals(error.code, "log-unavailable");
  away = false;
  // And while another process writes, which does not block readers.
  const database = new DatabaseSync(file.path);
  database.exec("begin immediate");
  await assertRejects(() => hasty.publish({ data: "y" }), EventStreamError);
  database.exec("rollback");
  database.close();
  await channel.publish({ data: "c" });
  await channel.close();
  assertEquals(await received, ["a", "b", "c"]);
  assert(channel.stats.subscribers === 0);
});
