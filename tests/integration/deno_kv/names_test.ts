import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { channelsKeepApart } from "../../support/names.ts";

Deno.test("DenoKvLog keeps channels apart whose names every object has", async () => {
  using kv = await Deno.openKv(":memory:");
  await channelsKeepApart((name) => new DenoKvLog(kv, name));
});
