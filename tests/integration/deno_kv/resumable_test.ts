import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { resumable } from "../../../src/server/mod.ts";
import { decode } from "../../../src/decode.ts";
import { TRIES } from "../resumable/resumable.ts";
import { checkTrouble, testResumable } from "../resumable/resumable_cases.ts";
import { interfere, KvFile } from "./fixture.ts";
import { produce, textsOf } from "../resumable/produce.ts";
import { pause } from "../../../tools/pause.ts";

testResumable("DenoKvLog", async () => {
  const file = await KvFile.make();
  // A case that opened the database would leak it.
  const kv = await file.open();
  return Object.assign(file, {
    log: (name: string) => new DenoKvLog(kv, name),
  });
}, TRIES);

Deno.test("resumable() on a DenoKvLog continues after the database was unavailable", async () => {
  await using file = await KvFile.make();
  await checkTrouble(
    await file.log("all"),
    [file.args, file.args],
    async (seen) => {
      await seen(50);
      using database = new DatabaseSync(file.path);
      // The producer is writing just now, as likely as not.
      database.exec("pragma busy_timeout = 30000; begin immediate");
      // Until the log gives up writing to a file that another process is writing to.
      await pause(6000);
      database.exec("rollback");
    },
  );
});

Deno.test("resumable() on a DenoKvLog appends nothing twice when the database's answers are lost", async () => {
  await using file = await KvFile.make();
  let lost = 0;
  const kv = interfere(await file.open(), {
    async commit(commit) {
      const result = await commit();
      if (++lost % 2 === 0) throw new Error("The answer is lost");
      return result;
    },
  });
  const errors: unknown[] = [];
  const answer = resumable(
    new DenoKvLog(kv, "all"),
    () => produce({ count: 20, pause: 1 }),
    { onError: (error) => errors.push(error) },
  );
  const response = await answer.respond(new Request("http://answer/"));
  const datas: string[] = [];
  for await (const { data } of decode(response)) datas.push(data);
  assertEquals(datas, textsOf(20));
  assertEquals(await answer.done, "ended");
  assert(errors.length > 0);
});
