import { DenoKvLog, type KvStore } from "../../src/deno_kv.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import { interfere, KvFile } from "./deno_kv/fixture.ts";

/** Declares the cases for a log whose clients open a file anew, as those of another process would. */
function declare(name: string, reach: (kv: Deno.Kv) => KvStore): void {
  const tests = testEventLog(name, async (retention) => {
    const file = await KvFile.make();
    const stores = await Promise.all([1, 2, 3].map(() => file.open()));
    let opened = 0;
    return {
      open() {
        const kv = stores[opened++ % stores.length]!;
        return new DenoKvLog(reach(kv), "log", retention);
      },
      close: () => file[Symbol.asyncDispose](),
    };
  });
  for (const { name, run } of tests) Deno.test(name, run);
}

declare("DenoKvLog", (kv) => kv);

// What a round trip lets happen in between; the way there and the way back are each as long as chance has it.
function delay(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3 * Math.random()));
}

declare("DenoKvLog, far away", (kv) =>
  interfere(kv, {
    get: delay,
    list: delay,
    async commit(commit) {
      await delay();
      const result = await commit();
      await delay();
      return result;
    },
  }));
