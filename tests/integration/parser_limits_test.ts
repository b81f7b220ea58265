import { assert, assertEquals } from "@std/assert";
import { engines, measureKept } from "../reliability/parser/kept.ts";

/** The error that ends each stream that exceeds the limit. */
const TOO_LARGE = /without end$|^(data|id|event) lines without a blank line$/;

for (const runtime of engines) {
  Deno.test(`decode() on ${runtime} keeps no more of an endless stream than maxEventSize allows`, async () => {
    const rows = await measureKept(runtime, 16);
    assertEquals(rows.length, 18);
    for (const { name, code, kept, mebibytes } of rows) {
      assertEquals(code, TOO_LARGE.test(name) ? "event-too-large" : "", name);
      assert(mebibytes > (code === "" ? 15 : 1), name);
      // The limit is 1 MiB; 15 MiB would be kept otherwise.
      assert(kept < 8, `${kept} MiB of ${name}`);
    }
  });
}
