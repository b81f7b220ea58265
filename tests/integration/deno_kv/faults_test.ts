import { assert } from "@std/assert";
import { DenoKvLog, type KvStore } from "../../../src/deno_kv/mod.ts";
import { eachFault, type Faults } from "../../faults/_faults.ts";
import { logScript } from "../../faults/_log_script.ts";
import { pause } from "../../../tools/pause.ts";

const OPTIONS = { timeout: 100 };
const DELAYS = { late: 10, tooLate: 300 };

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

Deno.test("DenoKvLog loses and doubles nothing whatever Deno KV does at any of its calls", async () => {
  using kv = await Deno.openKv(":memory:");
  const waiting: Faults[] = [];
  let names = 0;
  const runs = await eachFault(
    async (faults) => {
      waiting.push(faults);
      const name = `faults ${names++}`;
      await logScript(faults, {
        faulty: new DenoKvLog(stepStore(kv, faults), name, OPTIONS),
        sound: new DenoKvLog(kv, name),
      });
    },
    DELAYS,
    20,
  );
  // Nothing may come to the database when it is closed.
  while (waiting.some(({ isOver }) => !isOver)) {
    await pause(10);
  }
  assert(runs > 50, `${runs}`);
  console.log(`DenoKvLog: ${runs} faults`);
});
