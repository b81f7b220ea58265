import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { Workerd } from "../../support/workerd.ts";
import { call } from "./outcome.ts";

let workerd: Workerd;

Deno.test.beforeAll(async () => {
  workerd = await Workerd.start({
    worker: "tests/integration/durable_object/suite_worker.ts",
    classes: { SuiteObject: { sql: true }, LogObject: { sql: true } },
  });
});
Deno.test.afterAll(() => workerd[Symbol.asyncDispose]());

// The cases are declared here and run there, where the storage is.
const tests = testEventLog("DurableObjectLog", () => {
  throw new Error("A Durable Object is not in this process");
});

for (const [index, { name }] of tests.entries()) {
  Deno.test(name, () => call<void>(`${workerd.url}/${index}`));
}
