import { assertEquals } from "@std/assert";
import type { Workerd } from "../../support/workerd.ts";
import {
  dump,
  load,
  RemoteLog,
  type StoredTables,
} from "../upgrade/durable_object.ts";
import {
  checkOther,
  checkUpgrade,
  readStored,
  shapeOf,
} from "../upgrade/history.ts";
import { recordObject, startWorker } from "../upgrade/record.ts";

let workerd: Workerd;

Deno.test.beforeAll(async () => {
  workerd = await startWorker();
});
Deno.test.afterAll(() => workerd[Symbol.asyncDispose]());

Deno.test("DurableObjectLog reads, resumes and continues a log of format 1", async () => {
  const log = await RemoteLog.open(workerd);
  const { stored, page } = await readStored<StoredTables>("durable_object");
  await load(log, stored);
  await checkUpgrade(log, page);
});

Deno.test("DurableObjectLog leaves a log of another format unchanged, and reports the format", async () => {
  const log = await RemoteLog.open(workerd);
  const { stored } = await readStored<StoredTables>("durable_object");
  await load(log, stored);
  await log.sql("UPDATE rivulet_log SET format = 2");
  await checkOther(log, () => dump(log));
});

Deno.test("DurableObjectLog still writes format 1", async () => {
  const now = await recordObject(workerd);
  assertEquals(shapeOf(now), shapeOf(await readStored("durable_object")));
});
