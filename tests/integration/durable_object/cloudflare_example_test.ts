/** The Worker of examples/cloudflare in Cloudflare's types and in workerd; `deno task frameworks` has it under wrangler. */
import { assertEquals } from "@std/assert";
import { decode } from "../../../mod.ts";
import { pack } from "../../../tools/packed.ts";
import { OLDEST_WORKERD } from "../../_tools.ts";
import { Project } from "../package/package.ts";
import { example, startRooms } from "./cloudflare_example.ts";

/** What `wrangler types` writes for the binding. */
const env = `
  interface Env {
    ROOMS: DurableObjectNamespace<import("./src/index").Room>;
  }`;

Deno.test("The Worker of examples/cloudflare type-checks with Cloudflare's types, all declarations checked", async () => {
  await using project = await Project.empty();
  const tarball = await pack(project.folder);
  const types = "@cloudflare/workers-types@5.20261117.1";
  await project.install(tarball, types, "typescript@7.0.2");
  const source = await Deno.readTextFile(`${example}/src/index.ts`);
  await project.write("src/index.ts", source);
  await project.write("env.d.ts", env);
  const config = JSON.parse(
    await Deno.readTextFile(`${example}/tsconfig.json`),
  );
  config.compilerOptions.types = ["@cloudflare/workers-types", "./env.d.ts"];
  assertEquals(config.compilerOptions.skipLibCheck, undefined);
  await project.write("tsconfig.json", JSON.stringify(config));
  await project.run("node_modules/.bin/tsc", "-p", ".");
});

for (const version of [OLDEST_WORKERD, undefined]) {
  Deno.test(`The Worker of examples/cloudflare publishes to a room and keeps rooms apart, in ${version ?? "the newest"} workerd`, async () => {
    await using workerd = await startRooms(version);
    const post = (room: string, body: string) =>
      fetch(`${workerd.url}/rooms/${room}`, { method: "POST", body });
    for (const [room, body] of [["a", "to a"], ["b", "to b"]] as const) {
      const response = await post(room, body);
      assertEquals(response.status, 201, await response.text());
    }
    const following = await fetch(`${workerd.url}/rooms/b`);
    await (await post("b", "to b again")).text();
    const datas = [];
    for await (const { data } of decode(following)) {
      if (datas.push(data) === 2) break;
    }
    assertEquals(datas, ["to b", "to b again"]);
    for (const path of ["/", "/rooms/", "/rooms/a/b", "/rooms/%20"]) {
      const response = await fetch(workerd.url + path);
      assertEquals([path, response.status, await response.text()], [
        path,
        404,
        "Not found",
      ]);
    }
    for (const body of ["", "x".repeat(1001)]) {
      const refused = await post("a", body);
      assertEquals([refused.status, await refused.text()], [
        400,
        "Send 1 to 1000 characters",
      ]);
    }
  });
}
