import { PostgresServer } from "./postgres.ts";
import { FaultProxy } from "../../support/fault_proxy.ts";
import { TRIES } from "../resumable/resumable.ts";
import { checkTrouble, testResumable } from "../resumable/resumable_cases.ts";
import { pause } from "../../../tools/pause.ts";

testResumable(
  "PostgresLog",
  () => PostgresServer.startMigrated("fsync=off"),
  TRIES,
);

Deno.test("resumable() on a PostgresLog continues after Postgres was killed and restarted", async () => {
  await using server = await PostgresServer.startMigrated();
  const log = server.log("all");
  await checkTrouble(log, [server.args, server.args], async (seen) => {
    for (const count of [50, 150, 250]) {
      await seen(count);
      await server.kill();
      await pause(1000);
      await server.restart();
    }
  });
});

Deno.test("resumable() on a PostgresLog appends nothing twice when Postgres's answers are lost", async () => {
  await using server = await PostgresServer.startMigrated("fsync=off");
  await using proxy = await FaultProxy.start([server.port]);
  const through = ["pg", server.urlOf("postgres", proxy.port)];
  await checkTrouble(
    server.log("all"),
    [through, server.args],
    async (seen) => {
      for (const count of [20, 70, 120, 170, 220, 270, 320]) {
        await seen(count);
        proxy.isMuted = true;
        await pause(100);
        await proxy.cut();
      }
    },
  );
});
