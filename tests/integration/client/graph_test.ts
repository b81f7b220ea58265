/** A browser bundle of the client must contain no server code. */
import { assert, assertEquals } from "@std/assert";
import { runDeno } from "../../../tools/command.ts";

interface Graph {
  modules: { specifier: string }[];
}

Deno.test("./client imports nothing but the codec and itself", async () => {
  const { stdout } = await runDeno(["info", "--json", "src/client/mod.ts"]);
  const { modules }: Graph = JSON.parse(stdout);
  const root = new URL("../../../src/", import.meta.url).href;
  const files = modules.map(({ specifier }) => specifier.replace(root, ""));
  assert(files.includes("client/reconnector.ts"));
  assert(files.includes("wire_parser.ts"));
  const foreign = /^(server|log|testing)[/.]|:|encoder|hono|redis|durable|kv/;
  assertEquals(files.filter((file) => foreign.test(file)), []);
});
