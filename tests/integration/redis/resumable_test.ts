import { durable, RedisServer } from "./redis.ts";
import { FaultProxy } from "../../support/fault_proxy.ts";
import { TRIES } from "../resumable/resumable.ts";
import { checkTrouble, testResumable } from "../resumable/resumable_cases.ts";
import { pause } from "../../../tools/pause.ts";

testResumable("RedisLog", () => RedisServer.start(), TRIES);

Deno.test("resumable() on a RedisLog continues after Redis was killed and restarted", async () => {
  await using server = await RedisServer.start(...durable);
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

Deno.test("resumable() on a RedisLog appends nothing twice when Redis's answers are lost", async () => {
  await using server = await RedisServer.start();
  await using proxy = await FaultProxy.start([server.port]);
  const through = ["ioRedis", `redis://127.0.0.1:${proxy.port}`];
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
