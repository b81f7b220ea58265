import { DenoKvLog } from "../../src/deno_kv.ts";
import { testResumable } from "./_resumable_cases.ts";
import { KvFile } from "./deno_kv/fixture.ts";

testResumable("DenoKvLog", async () => {
  const file = await KvFile.make();
  const kv = await file.open();
  return {
    args: ["kv", file.path],
    log: (name) => new DenoKvLog(kv, name),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
});
