/** The Worker of examples/cloudflare in Cloudflare's types and in workerd; `deno task frameworks` has it under wrangler. */
import { assertEquals } from "@std/assert";
import { decode } from "../../../mod.ts";
import { pack } from "../../../tools/packed.ts";
import { OLDEST_WORKERD } from "../../_tools.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { Project } from "../package/package.ts";

const example = "examples/cloudflare";

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

/** Starts the Worker. */
async function startRooms(version?: string): Promise<Workerd> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  const url = new URL(`../../../${example}/src/index.ts`, import.meta.url);
  // Workerd.start() names a binding as its class.
  await Deno.writeTextFile(
    entry,
    `import worker, { Room } from "${url}";
     export { Room };
     export default {
       fetch: (request, env) => worker.fetch(request, { ROOMS: env.Room }),
     };`,
  );
  const workerd = await Workerd.start({
    worker: entry,
    classes: { Room: { sql: true } },
    flags: ["enable_request_signal"],
    ...version && { version },
  });
  await Deno.remove(entry);
  return workerd;
}

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

/** Serves the page, and passes everything else to workerd, as wrangler does. */
class WorkerSite implements AsyncDisposable {
  readonly workerd: Workerd;
  /** Whether clients have an ID of another log, and so have missed events. */
  hasForgotten = false;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(workerd: Workerd) {
    this.workerd = workerd;
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    const page = `${example}/public/index.html`;
    const headers = { "content-type": "text/html; charset=utf-8" };
    this.#server = Deno.serve(options, async (request) => {
      const { pathname } = new URL(request.url);
      return pathname === "/"
        ? new Response(await Deno.readTextFile(page), { headers })
        : await this.#pass(request, pathname);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #pass(
    { method, headers: given, body }: Request,
    pathname: string,
  ): Promise<Response> {
    const headers = new Headers(given);
    if (this.hasForgotten && headers.has("last-event-id")) {
      headers.set("last-event-id", "gone-1");
    }
    const init = { method, headers, body };
    const send = () => fetch(this.workerd.url + pathname, init);
    if (method !== "GET") {
      return await send().catch(() => new Response(null, { status: 502 }));
    }
    // EventSource gives up at an error status, and retries when a connection is refused.
    let response: Response | undefined;
    await until(async () => {
      response = await send().catch(() => undefined);
      return response !== undefined;
    });
    return response!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

Deno.test("The page of examples/cloudflare shows the connection, gaps and failures, and follows the hash to another room", async () => {
  await using workerd = await startRooms();
  await using site = new WorkerSite(workerd);
  const browser = await launchChromium();
  await using _closing = { [Symbol.asyncDispose]: () => browser.close() };
  const page = await browser.newPage();
  await page.goto(site.url);
  const says = (text: string) =>
    page.getByText(text, { exact: true }).waitFor();
  const shows = (text: string) =>
    page.locator("li", { hasText: text }).waitFor();
  const send = async (text: string) => {
    await page.locator("input").fill(text);
    await page.getByRole("button").click();
  };
  await says("Live");
  await send("It rains");
  await shows("It rains");

  await workerd.kill();
  await says("Reconnecting");
  await send("It pours");
  await says("Not published: try again");
  site.hasForgotten = true;
  await workerd.restart();
  await says("Live");
  await says("(Some messages are missing)");
  await page.getByRole("button").click();
  await shows("It pours");

  await page.goto(`${site.url}/#garden`);
  await says("Live");
  assertEquals(await page.locator("li").count(), 0);
  await send("It grows");
  await shows("It grows");
  const events = decode(await fetch(`${workerd.url}/rooms/garden`));
  for await (const { data } of events) {
    assertEquals(data, "It grows");
    break;
  }
  await page.goto(`${site.url}/#a/b`);
  await says("Refused: reload to try again");
});
