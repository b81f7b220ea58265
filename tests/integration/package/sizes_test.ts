/** The gate that measures imports: on a sample package, and on this one. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { bundlers, stopBundlers } from "../../../tools/bundlers.ts";
import { installPacked } from "../../../tools/packed.ts";
import { findKept } from "../../../tools/sizes.ts";

// esbuild starts a process at first use, which must not be reported as a leak of a test.
Deno.test.beforeAll(async () => void await bundlers.esbuild!("", "."));
Deno.test.afterAll(stopBundlers);

Deno.test("findKept() lists what a bundler keeps of an unused import", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/node_modules/planted`;
  await Deno.mkdir(path, { recursive: true });
  const description = { name: "planted", type: "module", main: "./mod.js" };
  await Deno.writeTextFile(
    `${path}/package.json`,
    JSON.stringify(description),
  );
  const sources = [
    "export class Planted { static { Planted.a = 1; } }",
    "export const planted = /* @__PURE__ */ new TextEncoder();",
  ];
  const kept: string[] = [];
  for (const source of sources) {
    await Deno.writeTextFile(`${path}/mod.js`, source);
    kept.push(...await findKept(["planted"], folder));
  }
  await Deno.remove(folder, { recursive: true });
  assertEquals(kept.length, 2, kept.join("\n"));
  assertStringIncludes(kept[0]!, "esbuild of planted: ");
  assertStringIncludes(kept[1]!, "rollup of planted: ");
});

for (const [bundler, bundle] of Object.entries(bundlers)) {
  Deno.test(`EventSource has its constants and streams their iterators in a bundle of ${bundler}`, async () => {
    await using packed = await installPacked();
    const names = "decode, EventSource";
    const source = await bundle(
      `export { ${names} } from "@rivulet/sse";`,
      packed.folder,
    );
    const path = `${packed.folder}/bundle.js`;
    await Deno.writeTextFile(path, source);
    const { decode, EventSource } = await import(`file://${path}`);
    assertEquals([EventSource.OPEN, EventSource.prototype.CLOSED], [1, 2]);
    assertEquals(String(EventSource.prototype), "[object EventSource]");
    const { body } = new Response("data: a\n\ndata: b\n\n");
    await using events = decode(body)[Symbol.asyncIterator]();
    assertEquals((await events.next()).value.data, "a");
  });
}
