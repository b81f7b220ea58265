import { DenoKvLog } from "../../src/deno_kv.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";

let folder: string;
let logs = 0;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "deno_kv_" });
});
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

// Every client opens the file anew, as those of another process would.
const tests = testEventLog("DenoKvLog", async (retention) => {
  const path = `${folder}/${logs++}.db`;
  const stores = await Promise.all([1, 2, 3].map(() => Deno.openKv(path)));
  let opened = 0;
  return {
    open: () =>
      new DenoKvLog(stores[opened++ % stores.length]!, "log", retention),
    close() {
      for (const kv of stores) kv.close();
      return Promise.resolve();
    },
  };
});
for (const { name, run } of tests) Deno.test(name, run);
