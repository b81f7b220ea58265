import { TRIES } from "../resumable/resumable.ts";
import { checkTrouble, testResumable } from "../resumable/resumable_cases.ts";
import { pause } from "../../../tools/pause.ts";
import { SqliteFile } from "./sqlite_file.ts";

testResumable("SqliteLog", () => SqliteFile.make(), TRIES);

Deno.test("resumable() on a SqliteLog continues after the file was locked", async () => {
  await using file = await SqliteFile.make();
  const log = file.log("all");
  await checkTrouble(log, [file.args, file.args], async (seen) => {
    await seen(50);
    using other = file.open(30_000);
    other.exec("BEGIN IMMEDIATE");
    // Until the log gives up writing to a file that another process is writing to.
    await pause(6000);
    other.exec("ROLLBACK");
  });
});
