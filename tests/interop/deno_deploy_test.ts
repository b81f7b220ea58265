/** The app of examples/deno_deploy as its readers start it, with the router, files and negotiation of `@std/http`. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decode } from "../../mod.ts";
import { App } from "../support/app.ts";

Deno.test("The app of examples/deno_deploy serves its page, its events by what is accepted, and ends at SIGINT", async () => {
  // With the configuration of the workspace it takes this package instead of the published one.
  const args = ["run", "-A", "--check", "--config", "deno.json"];
  const main = "examples/deno_deploy/main.ts";
  await using app = await App.start(".", [Deno.execPath(), ...args, main], {
    env: { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:$PORT" },
  });
  const get = (path: string, accept: string) =>
    fetch(app.url + path, { headers: { accept } });
  for (const path of ["/", "/news"]) {
    const page = await get(path, "text/html,*/*;q=0.8");
    assertStringIncludes(await page.text(), "<title>News</title>");
  }
  const data = crypto.randomUUID();
  const posted = await fetch(`${app.url}/news`, { method: "POST", body: data });
  assertEquals(posted.status, 201);
  assertMatch(await posted.text(), /-\d+$/);
  const datas = [];
  for await (const event of decode(await get("/news", "text/event-stream"))) {
    datas.push(event.data);
    if (event.data === data) app.signal("SIGINT");
  }
  assertEquals(datas.at(-1), data);
  assertEquals((await app.status).code, 0, app.output);
});
