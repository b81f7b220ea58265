import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { channelsKeepApart } from "../../support/names.ts";

Deno.test("DenoKvLog keeps channels apart that are named like properties of Object.prototype", async () => {
  using kv = await Deno.openKv(":memory:");
  await channelsKeepApart((name) => new DenoKvLog(kv, name));
});
