import { PostgresLog } from "../../../src/sql/postgres_mod.ts";
import { PostgresServer } from "./postgres.ts";
import { type AdaptedClient, pgClient } from "./postgres_clients.ts";
import { Proxy } from "../../support/proxy.ts";
import { TRIES } from "../resumable/resumable.ts";
import { checkTrouble, testResumable } from "../resumable/resumable_cases.ts";
import { pause } from "../../../tools/pause.ts";

interface Scene extends AsyncDisposable {
  server: PostgresServer;
  client: AdaptedClient["client"];
}

async function start(...config: string[]): Promise<Scene> {
  const server = await PostgresServer.start(...config);
  const adapted = pgClient(server.url);
  await PostgresLog.migrate(adapted.client);
  return {
    server,
    client: adapted.client,
    async [Symbol.asyncDispose]() {
      await adapted[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

testResumable("PostgresLog", async () => {
  const scene = await start("fsync=off");
  return {
    args: ["postgres", scene.server.url],
    isFree: () => true,
    log: (name) => new PostgresLog(scene.client, name),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}, TRIES);

Deno.test("resumable() on a PostgresLog continues after Postgres was killed and restarted", async () => {
  await using scene = await start();
  const { server, client } = scene;
  const args = ["postgres", server.url];
  const log = new PostgresLog(client, "all");
  await checkTrouble(log, [args, args], async (seen) => {
    for (const count of [50, 150, 250]) {
      await seen(count);
      await server.kill();
      await pause(1000);
      await server.restart();
    }
  });
});

Deno.test("resumable() on a PostgresLog appends nothing twice when Postgres's answers are lost", async () => {
  await using scene = await start("fsync=off");
  const { server, client } = scene;
  using proxy = new Proxy(server.port);
  const log = new PostgresLog(client, "all");
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/postgres`;
  const through = ["postgres", url];
  const past = ["postgres", server.url];
  await checkTrouble(log, [through, past], async (seen) => {
    for (const count of [20, 70, 120, 170, 220, 270, 320]) {
      await seen(count);
      proxy.mute();
      await pause(100);
      proxy.cut();
    }
  });
});
