import { DenoKvLog, type KvStore } from "../../../src/deno_kv/mod.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { ConnectServer } from "./connect_server.ts";
import { interfere, type KvDatabase, KvFile } from "./fixture.ts";
import { pause } from "../../../tools/pause.ts";

/** Declares the cases for a log whose clients each open the database again, like another process. */
function declare(
  name: string,
  make: () => Promise<KvDatabase>,
  reach: (kv: Deno.Kv) => KvStore,
): void {
  const tests = testEventLog(name, async (retention) => {
    const database = await make();
    const stores = [1, 2, 3].map(() => database.open());
    const reached = (await Promise.all(stores)).map(reach);
    let opened = 0;
    return {
      open() {
        const kv = reached[opened++ % reached.length]!;
        return new DenoKvLog(kv, "log", retention);
      },
      close: () => database[Symbol.asyncDispose](),
    };
  });
  for (const { name, run } of tests) Deno.test(name, run);
}

declare("DenoKvLog in a file", () => KvFile.make(), (kv) => kv);

// Simulates the round trip: the request and the response are each delayed by a random time.
function delay(): Promise<void> {
  return pause(3 * Math.random());
}

declare(
  "DenoKvLog on a server",
  () => Promise.resolve(new ConnectServer()),
  (kv) =>
    interfere(kv, {
      get: delay,
      list: delay,
      async commit(commit) {
        await delay();
        const result = await commit();
        await delay();
        return result;
      },
    }),
);
