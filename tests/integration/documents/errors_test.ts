/** docs/errors.md against the errors of the source. */
import { assert, assertEquals } from "@std/assert";
import { findFiles } from "../../../tools/files.ts";

const page = await Deno.readTextFile("docs/errors.md");

/** What stands between the quotes of each match, once, in order. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))]
    .sort();
}

Deno.test("docs/errors.md has a section for each code of EventStreamError, and no other", async () => {
  const source = await Deno.readTextFile("src/error.ts");
  const [, union = ""] = source.split("export type EventStreamErrorCode =");
  const codes = found(union.split(";")[0]!, /"([a-z-]+)"/g);
  assert(codes.length > 0);
  assertEquals(found(page, /^### `([a-z-]+)`$/gm), codes);
  for (const code of codes) {
    const [, section = ""] = page.split(`\n### \`${code}\`\n`);
    const [text = ""] = section.split(/^#/m);
    assert(/^Cause: /m.test(text) && /^Cure: /m.test(text), code);
  }
});

Deno.test("docs/errors.md lists how each message of the source starts, and no other", async () => {
  const starts = new Set<string>();
  for (const path of findFiles("src", ".ts")) {
    const source = (await Deno.readTextFile(path)).replace(/^ *\*.*$/gm, "");
    for (const start of found(source, /["`](Cannot [A-Za-z ]+)/g)) {
      starts.add(start.trim());
    }
  }
  assert(starts.size > 0);
  // An outage's message starts with what the engine was asked to do.
  assertEquals(found(page, /`(Cannot [A-Za-z ]+)`/g), [...starts].sort());
});
