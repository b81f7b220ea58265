/** Tests the import rules on temporary files. */
import { assertEquals } from "@std/assert";
import { checkImports, readImports } from "../../../tools/imports.ts";

/** Returns the violations of files, given by their paths relative to the root. */
async function check(
  files: Record<string, string>,
  known: string[] = [],
): Promise<string[]> {
  const root = await Deno.makeTempDir();
  for (const [path, source] of Object.entries({ "mod.ts": "", ...files })) {
    const target = `${root}/${path}`;
    await Deno.mkdir(target.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(target, source);
  }
  const imports = await readImports(root);
  await Deno.remove(root, { recursive: true });
  return checkImports(imports, known);
}

const empty = "export {};\n";

Deno.test("checkImports() accepts imports of entry points in the allowed direction", async () => {
  const wrong = await check({
    "src/error.ts": empty,
    "src/internal/check.ts": `import "../error.ts";\n`,
    "src/log/memory.ts": `import "../internal/check.ts";\n`,
    "src/server/mod.ts": `import "../log/memory.ts";\nimport "./hub.ts";\n`,
    "src/server/hub.ts": empty,
    "src/hono/mod.ts": `import "../server/mod.ts";\n`,
    "mod.ts": `import "./src/server/mod.ts";\n`,
  });
  assertEquals(wrong, []);
});

Deno.test("checkImports() reports an import in the wrong direction, also of a type", async () => {
  const server = `import type { Decoded } from "../decode.ts";\n`;
  const wrong = await check({
    "src/decode.ts": "export type Decoded = string;\n",
    "src/server/mod.ts": server + "export type Served = Decoded;\n",
    "src/client/mod.ts": `import "../server/mod.ts";\n`,
  });
  assertEquals(wrong.sort(), [
    "src/client/mod.ts -> src/server/mod.ts: client may not import from server",
    "src/server/mod.ts -> src/decode.ts: server may not import from decoder",
  ]);
});

Deno.test("checkImports() reports an import of another room's private file", async () => {
  const wrong = await check({
    "src/server/hub.ts": empty,
    "src/hono/mod.ts": `import "../server/hub.ts";\n`,
    "mod.ts": `import "./src/server/hub.ts";\n`,
  });
  assertEquals(wrong.sort(), [
    "mod.ts -> src/server/hub.ts: src/server/hub.ts is private to server",
    "src/hono/mod.ts -> src/server/hub.ts: src/server/hub.ts is private to server",
  ]);
});

Deno.test("checkImports() reports a cycle, also of types", async () => {
  const wrong = await check({
    "src/log/log.ts":
      `export type { B } from "./check.ts";\nexport type A = 1;\n`,
    "src/log/check.ts":
      `import type { A } from "./log.ts";\nexport type B = A;\n`,
  });
  assertEquals(wrong, [
    "a cycle: src/log/check.ts -> src/log/log.ts -> src/log/check.ts",
  ]);
});

Deno.test("checkImports() reports a dependency, and a file outside every room", async () => {
  const wrong = await check({
    "src/log/log.ts": `import "node:fs";\n`,
    "src/elsewhere/mod.ts": empty,
    "mod.ts": `import "./src/elsewhere/mod.ts";\n`,
  });
  assertEquals(wrong.sort(), [
    "mod.ts -> src/elsewhere/mod.ts: src/elsewhere/mod.ts is in no room of tools/imports.ts",
    "src/log/log.ts -> node:fs: it imports from outside the package",
  ]);
});

Deno.test("checkImports() accepts a known violation until its import is removed", async () => {
  const known = ["src/client/mod.ts -> src/server/mod.ts"];
  const before = await check({
    "src/server/mod.ts": empty,
    "src/client/mod.ts": `import "../server/mod.ts";\n`,
  }, known);
  const after = await check({ "src/client/mod.ts": empty }, known);
  assertEquals(before, []);
  assertEquals(after, [
    `${known[0]} no longer exists: remove it from tools/imports.ts`,
  ]);
});
