/** The page of examples/cloudflare in Chromium, with its Worker in workerd. */
import { assertEquals } from "@std/assert";
import { decode } from "../../../mod.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { until } from "../../support/until.ts";
import type { Workerd } from "../../support/workerd.ts";
import { example, startRooms } from "./cloudflare_example.ts";

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
