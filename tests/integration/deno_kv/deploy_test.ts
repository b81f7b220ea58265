/** The program for Deno Deploy in docs/deployment.md, stopped as the platform stops an instance; and the example app. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createApp } from "../../../examples/deno_deploy/app.ts";
import { decode } from "../../../mod.ts";
import { DenoKvLog } from "../../../src/deno_kv/mod.ts";
import { pack } from "../../../tools/packed.ts";
import { OLDEST_DENO, toolPath } from "../../_tools.ts";
import { App } from "../../support/app.ts";
import { readSection } from "../../support/section.ts";
import { Project } from "../package/package.ts";

/** What Deno Deploy leaves an instance between SIGINT and SIGKILL, in milliseconds. */
const GRACE = 5000;

const DENO_SERVE_ADDRESS = "tcp:127.0.0.1:$PORT";

let project: Project;

Deno.test.beforeAll(async () => {
  project = await Project.empty();
  await project.install(await pack(project.folder));
  const { files } = await readSection("docs/deployment.md", "Deno Deploy");
  await project.write("main.ts", files["main.ts"]!);
  await project.write("deno.json", '{ "unstable": ["kv"] }');
});
Deno.test.afterAll(() => project[Symbol.asyncDispose]());

for (const version of [undefined, OLDEST_DENO]) {
  const name = version ?? "of these tests";
  Deno.test(`The program for Deno Deploy, on Deno ${name}, ends every stream and itself between SIGINT and SIGKILL`, async () => {
    const deno = await (version ? toolPath("deno", version) : Deno.execPath());
    // What `Deno.openKv()` without a path opens is kept there.
    const env = {
      DENO_DIR: `${project.folder}/${version}`,
      DENO_SERVE_ADDRESS,
    };
    const start = () =>
      App.start(project.folder, [deno, "run", "-A", "main.ts"], { env });
    await using first = await start();
    const paths = ["/news", "/answers/1", "/count"];
    const responses = await Promise.all(
      paths.map((path) => fetch(first.url + path)),
    );
    const texts = responses.map((response) => response.text());
    first.signal("SIGINT");
    const kill = setTimeout(() => first.signal("SIGKILL"), GRACE);
    const { code, signal } = await first.status;
    clearTimeout(kill);
    assertEquals([code, signal], [0, null], first.output);
    // Each has ended as a response does, not by a connection that broke.
    const [news, , count] = await Promise.all(texts);
    assertStringIncludes(news!, "\nid: ");
    assertStringIncludes(count!, "data: 1\n");

    await using second = await start();
    const events = [];
    const response = await fetch(`${second.url}/answers/1`);
    for await (const { event } of decode(response)) events.push(event);
    assertEquals(events.at(-1), "failed");
  });
}

Deno.test("The app of examples/deno_deploy stores events in Deno KV, rejects events that are too long, and stops", async () => {
  using kv = await Deno.openKv(":memory:");
  const app = createApp(new DenoKvLog(kv, "news"));
  const request = (method: string, body?: string) =>
    new Request("https://example.com/news", { method, body: body ?? null });
  assertEquals((await app.publish(request("POST", "It rains"))).status, 201);
  for (const body of ["", "x".repeat(1001)]) {
    const refused = await app.publish(request("POST", body));
    assertEquals([refused.status, await refused.text()], [
      400,
      "Send 1 to 1000 characters",
    ]);
  }
  const following = await app.follow(request("GET"));
  assertEquals((await app.publish(request("POST", "It pours"))).status, 201);
  const datas = [];
  for await (const { data } of decode(following)) {
    datas.push(data);
    // Its client would reconnect; here the end of the response ends the loop.
    if (data === "It pours") await app.stop();
  }
  assertEquals(datas, ["It rains", "It pours"]);
});
