import { assertEquals } from "@std/assert";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { dump, load, type StoredEntry } from "../upgrade/deno_kv.ts";
import {
  checkOther,
  checkUpgrade,
  readStored,
  RETENTION,
  shapeOf,
} from "../upgrade/history.ts";
import { recordKv } from "../upgrade/record.ts";

Deno.test("DenoKvLog reads, resumes and continues a log of format 1", async () => {
  using kv = await Deno.openKv(":memory:");
  const { stored, page } = await readStored<StoredEntry[]>("deno_kv");
  await load(kv, stored);
  await checkUpgrade(new DenoKvLog(kv, "news", RETENTION), page);
});

Deno.test("DenoKvLog leaves a log of another format unchanged, and reports the format", async () => {
  using kv = await Deno.openKv(":memory:");
  const { stored } = await readStored<StoredEntry[]>("deno_kv");
  await load(kv, stored);
  const { key, value } = await kv.get<object>(["rivulet", "news"]);
  await kv.set(key, { ...value, format: 2 });
  await checkOther(new DenoKvLog(kv, "news", RETENTION), () => dump(kv));
});

Deno.test("DenoKvLog still writes format 1", async () => {
  assertEquals(shapeOf(await recordKv()), shapeOf(await readStored("deno_kv")));
});
