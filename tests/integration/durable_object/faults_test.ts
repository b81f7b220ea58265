import { assert } from "@std/assert";
import { Workerd } from "../../support/workerd.ts";
import { call } from "./outcome.ts";

Deno.test("DurableObjectLog loses and duplicates nothing whatever the object's storage does at any of its calls", async () => {
  await using workerd = await Workerd.start({
    worker: "tests/integration/durable_object/faults_worker.ts",
    classes: { FaultsObject: { sql: true } },
  });
  const runs = await call<number>(workerd.url);
  assert(runs > 50, `${runs}`);
  console.log(`DurableObjectLog: ${runs} faults`);
});
