import { DenoKvLog, type KvStore } from "../../../src/deno_kv/mod.ts";
import type { Faults } from "../../faults/_faults.ts";
import { checkLogFaults, TIMEOUT } from "../../faults/_log_script.ts";

const OPTIONS = { timeout: TIMEOUT };

/** A store every call of which is a step. */
function stepStore(kv: Deno.Kv, faults: Faults): KvStore {
  return {
    get: (...args) => faults.step("get", () => kv.get(...args)),
    getMany: (keys, options) =>
      faults.step("getMany", () => kv.getMany([...keys], options)),
    async *list(selector, options) {
      const all = () => Array.fromAsync(kv.list(selector, options));
      yield* await faults.step("list", all);
    },
    atomic() {
      const operation = kv.atomic();
      const commit = operation.commit.bind(operation);
      operation.commit = () => faults.step("commit", commit);
      return operation;
    },
    watch(keys) {
      const reader = kv.watch([...keys]).getReader();
      return new ReadableStream({
        async pull(controller) {
          try {
            const { done, value } = await faults.step(
              "watch",
              () => reader.read(),
            );
            if (done) controller.close();
            else controller.enqueue(value);
          } catch (error) {
            await reader.cancel();
            throw error;
          }
        },
        cancel: () => reader.cancel(),
      }, { highWaterMark: 0 });
    },
  };
}

Deno.test("DenoKvLog loses and duplicates nothing whatever Deno KV does at any of its calls", async () => {
  using kv = await Deno.openKv(":memory:");
  const runs = await checkLogFaults((faults, name) => ({
    faulty: new DenoKvLog(stepStore(kv, faults), name, OPTIONS),
    sound: new DenoKvLog(kv, name),
  }));
  console.log(`DenoKvLog: ${runs} faults`);
});
