/** The programs of docs/engines.md and of the pages of the engines that need no server. */
import { assert, assertStringIncludes } from "@std/assert";
import { runDeno } from "../../../tools/command.ts";
import { readSection } from "../../support/section.ts";
import settings from "../../../deno.json" with { type: "json" };

/** Runs a program of a document with imports mapped to the source, and returns its output. */
async function run(
  command: string[],
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "document_" });
  const root = new URL("../../../", import.meta.url);
  const imports = Object.fromEntries(
    Object.entries(settings.exports).map(([name, path]) => [
      `@rivulet/sse${name.slice(1)}`,
      new URL(path, root).href,
    ]),
  );
  try {
    const map = JSON.stringify({ imports });
    for (const [name, text] of Object.entries({ ...files, "map.json": map })) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const [name, ...options] = command;
    const { success, output } = await runDeno([
      name!,
      ...["-A", "--quiet", "--no-lock", "--unstable-kv"],
      ...["--import-map", `${folder}/map.json`],
      ...options.map((option) => `${folder}/${option}`),
    ]);
    assert(success, output);
    return output;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("The test of docs/engines.md runs every case of testEventLog()", async () => {
  const { files } = await readSection("docs/engines.md", "Write a log");
  const output = await run(["test", "log_test.ts"], files);
  const [, passed] = /(\d+) passed/.exec(output) ?? [];
  assert(Number(passed) > 50, output);
  assertStringIncludes(output, "MyLog");
});

const client = `
import { handler } from "./server.ts";

const url = "https://example.com/";
await handler(new Request(url, { method: "POST", body: "It rains" }));
const response = await handler(new Request(url + "?lastEventId=0-0"));
for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
  console.log(text);
  if (text.includes("data: It rains")) break;
}
Deno.exit();
`;

for (const engine of ["sqlite", "deno_kv"]) {
  const page = `docs/engines_${engine}.md`;
  Deno.test(`The handler of ${page} publishes an event and serves it`, async () => {
    const { files } = await readSection(page, "Set up");
    const output = await run(["run", "client.js"], {
      ...files,
      "client.js": client,
    });
    assertStringIncludes(output, "data: It rains");
  });
}
