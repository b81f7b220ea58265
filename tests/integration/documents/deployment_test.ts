/** The servers for Bun and Node that docs/deployment.md prints; that for Deno Deploy is in tests/integration/deno_kv. */
import { assertEquals } from "@std/assert";
import { decode } from "../../../mod.ts";
import { pack } from "../../../tools/packed.ts";
import { toolPath } from "../../_tools.ts";
import { App } from "../../support/app.ts";
import { freePort } from "../../support/port.ts";
import { readSection } from "../../support/section.ts";
import { Project } from "../package/package.ts";

const app = `import { Channel } from "@rivulet/sse";
const news = new Channel({ from: "earliest" });
await news.publish({ data: "It works" });
export const handler = (request) => news.respond(request);
`;

let project: Project;

Deno.test.beforeAll(async () => {
  project = await Project.empty();
  const tarball = await pack(project.folder);
  await project.install(tarball, "@hono/node-server@2.1.9");
  for (const name of ["app.ts", "app.mjs"]) await project.write(name, app);
});
Deno.test.afterAll(() => project[Symbol.asyncDispose]());

Deno.test("The server for Bun of docs/deployment.md answers with events", async () => {
  const { files } = await readSection("docs/deployment.md", "Bun");
  await project.write("server.ts", files["server.ts"]!);
  const bun = await toolPath("bun");
  await using app = await App.start(project.folder, [bun, "server.ts"]);
  await assertWorks(app);
});

Deno.test("The server for Node of docs/deployment.md answers with events", async () => {
  const { files } = await readSection(
    "docs/deployment.md",
    "Node behind a proxy",
  );
  const port = freePort();
  const code = files["server.mjs"]!.replace("3000", `${port}`)
    .replace("127.0.0.1", "localhost");
  await project.write("server.mjs", code);
  const command: [string, string] = ["node", "server.mjs"];
  await using app = await App.start(project.folder, command, { port });
  await assertWorks(app);
});

async function assertWorks({ url }: App): Promise<void> {
  for await (const { data } of decode(await fetch(url))) {
    assertEquals(data, "It works");
    break;
  }
}
