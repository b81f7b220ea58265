/** The chat of docs/recipes.md, followed step by step. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "npm:playwright-core@1.65.1";
import { decode } from "../../../mod.ts";
import { App } from "../../support/app.ts";
import { freePort } from "../../support/port.ts";
import { until } from "../../support/until.ts";
import type { Project } from "../package/package.ts";
import { printedCommand, Reader, shows } from "./reader.ts";

const document = "docs/recipes.md";
const heading = "Chat";

let reader: Reader;
let project: Project;
let server: [string, ...string[]];

Deno.test.beforeAll(async () => {
  reader = await Reader.start();
  project = await reader.install(document, heading);
  await project.run(...await printedCommand(document, heading, "deno bundle"));
  server = await printedCommand(document, heading, "deno run");
});
Deno.test.afterAll(async () => {
  await project[Symbol.asyncDispose]();
  await reader[Symbol.asyncDispose]();
});

const texts = async (page: Page, selector: string) =>
  await page.locator(selector).textContent();

/** Waits until the page lists these users. */
async function lists(page: Page, users: string): Promise<void> {
  await until(async () =>
    (await texts(page, "#users"))?.split(", ").sort().join() === users
  );
}

async function say(page: Page, text: string): Promise<void> {
  await page.locator("input").fill(text);
  await page.locator("input").press("Enter");
}

Deno.test("The chat shows messages and users in two tabs, across a server restart and a reload", async () => {
  const port = freePort();
  const all = ["Ada: Hello", "Bob: Hi", "Ada: Back?", "Ada: Yes!"];
  let [ada, bob]: Page[] = [];
  {
    await using app = await App.start(project.folder, server, { port });
    ada = await reader.open(`${app.url}/?user=Ada`);
    bob = await reader.open(`${app.url}/?user=Bob`);
    for (const page of [ada, bob]) await lists(page, "Ada,Bob");
    await say(ada, "Hello");
    await shows(bob, "#messages", ...all.slice(0, 1));
    await say(bob, "Hi");
    for (const page of [ada, bob]) {
      await shows(page, "#messages", ...all.slice(0, 2));
    }
    app.signal("SIGTERM");
    assertEquals((await app.status).code, 0, app.output);
  }
  await ada.locator("#status", { hasText: "Reconnecting" }).waitFor();
  await say(ada, "Back?");
  await say(ada, "Yes!");
  await ada.locator("#unsent", { hasText: "Back?, Yes!" }).waitFor();
  await using app = await App.start(project.folder, server, { port });
  for (const page of [ada, bob]) {
    await shows(page, "#messages", ...all);
    await lists(page, "Ada,Bob");
  }
  await until(async () => await texts(ada, "#unsent") === "");
  await bob.reload();
  await shows(bob, "#messages", ...all);
  await lists(ada, "Ada,Bob");
  await bob.context().close();
  await lists(ada, "Ada");
  await app.kill();
  await using _ = Deno.serve(
    { hostname: "localhost", port, onListen() {} },
    () => new Response(null, { status: 401 }),
  );
  await ada.locator("#status", { hasText: "Closed: reload" }).waitFor();
  await ada.context().close();
});

Deno.test("The chat with a certificate uses HTTP/2 and serves eight tabs of a browser", async () => {
  const address = '{ hostname: "localhost", port }';
  const withCertificate = address.replace(
    " }",
    `, cert: Deno.readTextFileSync("cert.pem"), key: Deno.readTextFileSync("key.pem") }`,
  );
  const code = await Deno.readTextFile(`${project.folder}/server.ts`);
  assertStringIncludes(code, address);
  await project.write("https.ts", code.replace(address, withCertificate));
  const request =
    "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost";
  await project.run("openssl", ...request.split(" "));
  const command = server.with(-1, "https.ts") as [string, ...string[]];
  await using app = await App.start(project.folder, command);
  const url = app.url.replace("http:", "https:");
  const protocol =
    "performance.getEntriesByType('navigation')[0].nextHopProtocol";
  const first = await reader.open(`${url}/?user=1`);
  for (let user = 2; user <= 8; user++) {
    await (await first.context().newPage()).goto(`${url}/?user=${user}`);
  }
  await lists(first, "1,2,3,4,5,6,7,8");
  await say(first, "Hello");
  for (const page of first.context().pages()) {
    await page.locator("#messages li", { hasText: "1: Hello" }).waitFor();
    assertEquals(await page.evaluate(protocol), "h2");
  }
  await first.context().close();
});

Deno.test("The chat stores a message once that is sent twice with the same key, and rejects one without text or key", async () => {
  await using app = await App.start(project.folder, server);
  const url = `${app.url}/messages?user=Cleo`;
  const send = async (body: string, key?: string) => {
    const headers = key === undefined ? {} : { "idempotency-key": key };
    const init = { method: "POST", body, headers };
    const response = await fetch(url, init);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals([await send("Hi", "1"), await send("Hi", "1")], [204, 204]);
  assertEquals([await send("", "2"), await send("Hi")], [400, 400]);
  assertEquals(await send("Hi", ""), 400);
  assertEquals(await send("x".repeat(1001), "3"), 400);
  assertEquals(await send("Bye", "4"), 204);
  const received: string[] = [];
  const response = await fetch(`${app.url}/events?user=Cleo`);
  for await (const { event, data } of decode(response)) {
    if (event !== "message") continue;
    const { from, text } = JSON.parse(data);
    if (from === "Cleo") received.push(text);
    if (text === "Bye") break;
  }
  assertEquals(received, ["Hi", "Bye"]);
});

Deno.test("The chat sends text that the browser restored without an input event, and keeps what is typed while it sends", async () => {
  await using app = await App.start(project.folder, server);
  const page = await reader.open(`${app.url}/?user=Eve`);
  const input = page.locator("input");
  const restore = async (text: string) => {
    await input.evaluate((element, text) => {
      (element as unknown as { value: string }).value = text;
    }, text);
    await input.press("Enter");
    await page.locator("#messages li", { hasText: `Eve: ${text}` }).waitFor();
  };
  await restore("One");
  await restore("Two");

  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  await page.route("**/messages?*", async (route) => {
    await held;
    await route.continue();
  });
  await say(page, "Three");
  await page.locator("#unsent", { hasText: "Three" }).waitFor();
  await input.fill("Four");
  release();
  await page.locator("#messages li", { hasText: "Eve: Three" }).waitFor();
  await until(async () => await texts(page, "#unsent") === "");
  assertEquals(await input.inputValue(), "Four");
  await input.press("Enter");
  await page.locator("#messages li", { hasText: "Eve: Four" }).waitFor();
  await page.context().close();
});

Deno.test("The chat clears its messages when the log was recreated", async () => {
  const port = freePort();
  let page: Page;
  {
    await using app = await App.start(project.folder, server, { port });
    page = await reader.open(`${app.url}/?user=Dan`);
    await say(page, "Old");
    await page.locator("#messages li", { hasText: "Dan: Old" }).waitFor();
  }
  await page.locator("#status", { hasText: "Reconnecting" }).waitFor();
  for await (const { name } of Deno.readDir(project.folder)) {
    if (name.startsWith("chat.db")) await project.run("rm", name);
  }
  await using _app = await App.start(project.folder, server, { port });
  await page.locator("#status", { hasText: "Online" }).waitFor();
  await say(page, "New");
  await page.locator("#messages li", { hasText: "Dan: New" }).waitFor();
  await shows(page, "#messages", "Dan: New");
  await page.context().close();
});
