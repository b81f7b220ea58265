import { EventSource } from "../../../src/client/mod.ts";
import { startDeno } from "../../../tools/process.ts";
import { importProgram } from "../../support/program.ts";
import { serve, type Served } from "../../support/served.ts";
import { until } from "../../support/until.ts";
import { RedisServer } from "./redis.ts";

interface ClientModule {
  follow(source: EventSource, show: (users: string[]) => void): void;
}

function start(redis: RedisServer): Promise<Served> {
  const script = new URL("./presence_server.ts", import.meta.url);
  return serve(startDeno(script, [redis.url]));
}

/** A user in a page, and whom it shows. */
async function enter({ url }: Served, user: string) {
  const { follow } = await importProgram<ClientModule>(
    "docs/recipes.md",
    "Presence",
    "client.ts",
  );
  let users: string[] = [];
  const source = new EventSource(`${url}?user=${user}`);
  follow(source, (shown) => users = shown);
  return { close: () => source.close(), shows: () => users.sort().join() };
}

Deno.test("The recipe for presence shows the users of two processes over Redis, and forgets those of one that was killed", async () => {
  await using redis = await RedisServer.start();
  await using first = await start(redis);
  await using second = await start(redis);
  const ada = await enter(first, "ada");
  const bob = await enter(second, "bob");
  const cleo = await enter(second, "cleo");
  const all = () => [ada, bob, cleo];
  await until(() => all().every((user) => user.shows() === "ada,bob,cleo"));
  cleo.close();
  await until(() => ada.shows() === "ada,bob" && bob.shows() === "ada,bob");

  await second.kill();
  bob.close();
  const realNow = Date.now;
  // As if that had been half a minute ago. What shows it is the next event.
  Date.now = () => realNow() + 30_001;
  try {
    const dan = await enter(first, "dan");
    await until(() => ada.shows() === "ada,dan");
    dan.close();
  } finally {
    Date.now = realNow;
    for (const user of all()) user.close();
  }
});
