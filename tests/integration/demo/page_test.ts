/** The demo's page in Chromium, as its visitors use it. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import type { Browser, Locator } from "npm:playwright-core@1.65.1";
import { Buffer } from "node:buffer";
import { ANSWER } from "../../../examples/demo/answers.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { type Demo, startOnDeno } from "./demo.ts";
import { DemoPage, pngFile } from "./demo_page.ts";
import { freePort } from "../../support/port.ts";

let folder: string;
let demo: Demo;
let browser: Browser;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "demo_" });
  [demo, browser] = await Promise.all([
    startOnDeno(`${folder}/kv`),
    launchChromium(),
  ]);
});
Deno.test.afterAll(async () => {
  await browser.close();
  await demo.kill();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("The page shows how the connection is, events as they arrive, and each kind of news in its own way", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.reconnected(0);
  const seqs = await visitor.events(3);
  const row = visitor.page.locator("#events tr").last().locator("td");
  const [type, id, data] = await row.allTextContents();
  assertEquals(type, "breaking-news");
  assertEquals(id!.split("-")[1], String(seqs[0]));
  await visitor.waitForText("#breaking strong", JSON.parse(data!).headline);
  await visitor.waitForText("#sports tbody tr", /\d : \d/);
  await visitor.waitForText("#weather li", /\d+°/);
  await visitor.waitForText("#last-event-id", /^\w+-\d+$/);
  await visitor.waitForText("#rate", /at most [1-9]/);
  await visitor.waitForText("#latency", /at most \d+ ms/);
  for (const plot of ["#rate-plot", "#latency-plot"]) {
    const bars = visitor.page.locator(`${plot} rect:not([height="0"])`);
    await bars.first().waitFor({ state: "attached" });
  }
});

Deno.test("Two pages chat, a third gets the history, and what they write is no markup", async () => {
  await using ann = await DemoPage.open(browser, demo.url);
  await using ben = await DemoPage.open(browser, demo.url);
  await ann.join("Ann");
  await ben.join("<i>Ben");
  const text = "<img src=x onerror=alert(1)>&amp;";
  await ann.say(text);
  await ben.waitForText("#messages li", text);
  await ben.say("Hello");
  await ann.waitForText("#messages li", "Hello");
  await ben.button("Leave").click();
  await ann.waitForText("#messages li", "left");
  const messages = [
    "Ann joined",
    "<i>Ben joined",
    `Ann ${text}`,
    "<i>Ben Hello",
    "<i>Ben left",
  ];
  assertEquals(await ann.messages(/^Ann|Ben/), messages);
  await using third = await DemoPage.open(browser, demo.url);
  await third.waitForText("#messages li", "left");
  assertEquals(await third.messages(/^Ann|Ben/), messages);
  assertEquals(await third.page.locator("#messages :is(img, i)").count(), 0);
});

Deno.test("A page that is reloaded resumes where it was", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.join("Cleo");
  await visitor.say("Before");
  await visitor.waitForText("#messages li", "Cleo Before");
  await visitor.checkEvents(1);
  const requested = visitor.page.waitForRequest(/\/events/);
  await visitor.page.reload();
  const { searchParams } = new URL((await requested).url());
  assertNotEquals(searchParams.get("lastEventId"), "");
  // It is a member still, and nobody was told otherwise.
  await visitor.say("After");
  await visitor.waitForText("#messages li", "Cleo After");
  await visitor.checkEvents(2);
  assertEquals(await visitor.messages(/^Cleo/), [
    "Cleo joined",
    "Cleo Before",
    "Cleo After",
  ]);
});

Deno.test("A page whose connection is cut connects again, and misses nothing", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.checkEvents(1);
  await visitor.button("Cut the connection").click();
  await visitor.reconnected(1);
  const states = ["0 CONNECTING", "1 OPEN", "0 CONNECTING", "1 OPEN"];
  assertEquals(await visitor.shown("ready-state"), states);
  await visitor.checkEvents(2);
});

Deno.test("A page with an idle timeout leaves a connection that has gone silent, and misses nothing", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.checkEvents(1);
  await visitor.page.getByLabel("idleTimeout").check();
  await visitor.reconnected(1);
  await visitor.checkEvents(1);
  await visitor.button("Stop keep-alive").click();
  await visitor.reconnected(2);
  assertMatch((await visitor.shown("notice")).join(), /silent/);
  await visitor.page.locator("#notice").waitFor({ state: "hidden" });
  await visitor.checkEvents(2);
});

Deno.test("An upload moves its bar, ends with a link, and closes its connection", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.page.addInitScript(keepEventSources);
  await visitor.page.reload();
  const file = pngFile(2_000_000);
  await visitor.upload(file);
  const link = visitor.page.getByRole("link", { name: file.name });
  await link.waitFor();
  const [download] = await Promise.all([
    visitor.page.waitForEvent("download"),
    link.click(),
  ]);
  assertEquals(download.suggestedFilename(), file.name);
  const texts = await visitor.shown("upload-status");
  assert(texts.some((text) => /^[1-9]\d? %$/.test(text)), texts.join());
  const places = (await visitor.shown("upload-bar")).map(Number);
  assert(places.some((place) => place > 0 && place < 1), places.join());
  assertEquals(places.at(-1), 1);
  const saved = await Deno.readFile(await download.path());
  assertEquals(saved, new Uint8Array(file.buffer));
  const sources = await visitor.page.evaluate(() =>
    (globalThis as unknown as Page).eventSources
      .map(({ url, readyState }) =>
        [new URL(url).pathname, readyState] as const
      )
  );
  assertEquals(sources.length, 2);
  assertEquals(sources[0], ["/events", 1]);
  assertMatch(sources[1]![0], /^\/uploads\/.*\/events$/);
  assertEquals(sources[1]![1], 2);
  assertEquals(visitor.errors, []);
});

Deno.test("An upload sends its file once its stream is open", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  const { page } = visitor;
  let isOpen = false;
  page.on("response", (response) => {
    isOpen ||= response.url().endsWith("/events") &&
      response.url().includes("/uploads/");
  });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  await page.route("**/uploads/*", async (route) => {
    if (route.request().method() === "PUT") resolve(isOpen);
    await route.continue();
  });
  await visitor.upload(pngFile(100));
  assertEquals(await promise, true);
  await visitor.waitForText("#upload-status", "Complete: picture.png");
});

Deno.test("An upload that is refused says why", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.upload(pngFile(6 * 1024 * 1024));
  await visitor.waitForText("#upload-status.error", "larger than announced");
  const file = { ...pngFile(0), buffer: Buffer.from("<b>Hello, world") };
  await visitor.upload(file);
  await visitor.waitForText("#upload-status.error", "This is no PNG");
  await visitor.upload(pngFile(0));
  await visitor.waitForText("#upload-status.error", "The file is empty");
  await visitor.upload(pngFile(100));
  await visitor.waitForText("#upload-status:not(.error)", "Complete");
});

Deno.test("An answer goes on while the page is reloaded", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.button("Ask").click();
  await visitor.waitForText("#answer[aria-busy=true]", "is not lost.");
  await visitor.page.reload();
  await visitor.waitForText("#answer-status", "Complete.");
  assertEquals(await visitor.page.locator("#answer").textContent(), ANSWER);
});

Deno.test("An answer stops when it is told to", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.button("Ask").click();
  await visitor.waitForText("#answer", "A stream");
  await visitor.button("Stop").click();
  await visitor.waitForText("#answer-status", "Stopped.");
  const answer = await visitor.page.locator("#answer").textContent();
  assert(ANSWER.startsWith(answer!) && answer!.length < ANSWER.length);
  assert(await visitor.button("Ask").isEnabled());
});

Deno.test("A page whose server is killed and started again misses nothing", async () => {
  const kv = `${folder}/kv_of_another`;
  const port = freePort();
  const first = await startOnDeno(kv, port);
  await using visitor = await DemoPage.open(browser, first.url);
  await visitor.join("Dora");
  await visitor.say("Before");
  await visitor.checkEvents(2);
  await visitor.button("Ask").click();
  await visitor.waitForText("#answer", "is not lost.");
  await first.kill();
  await visitor.waitForText("#ready-state", "0 CONNECTING");
  await visitor.say("Meanwhile");
  await visitor.waitForText("#chat-error", "cannot be reached");

  await using _second = await startOnDeno(kv, port);
  await visitor.reconnected(1);
  await visitor.button("Send").click();
  await visitor.waitForText("#messages li", "Dora Meanwhile");
  await visitor.checkEvents(2);
  await visitor.waitForText("#answer-status", "failed before its end");
  await visitor.page.reload();
  await visitor.checkEvents(1);
  assertEquals(await visitor.messages(/^Dora/), [
    "Dora joined",
    "Dora Before",
    "Dora joined",
    "Dora Meanwhile",
  ]);
});

Deno.test("The page follows the theme, fits a phone, and can be used with the keyboard alone", async () => {
  const grounds = new Set<string>();
  for (const colorScheme of ["light", "dark"] as const) {
    const viewport = { width: 320, height: 640 };
    const options = { colorScheme, viewport };
    await using visitor = await DemoPage.open(browser, demo.url, options);
    await visitor.events(1);
    const [width, ground] = await visitor.page.locator("html").evaluate(
      (root) =>
        [
          root.scrollWidth,
          (globalThis as unknown as Page).getComputedStyle(root)
            .backgroundColor,
        ] as const,
    );
    assertEquals(width, viewport.width);
    grounds.add(ground);

    const { keyboard } = visitor.page;
    const name = visitor.page.getByLabel("Your name");
    while (!await isFocused(name)) await keyboard.press("Tab");
    await keyboard.type(colorScheme);
    await keyboard.press("Enter");
    await visitor.waitForText("#messages li", `${colorScheme} joined`);
    await keyboard.type("Typed");
    await keyboard.press("Enter");
    await visitor.waitForText("#messages li", `${colorScheme} Typed`);
    assert(await visitor.isLastMessageInView());
  }
  assertEquals(grounds.size, 2);
});

/** What is used of a page's global object. */
interface Page {
  getComputedStyle(element: unknown): { backgroundColor: string };
  EventSource: { new (url: string): KeptEventSource };
  eventSources: KeptEventSource[];
}

interface KeptEventSource {
  readonly url: string;
  readonly readyState: number;
}

/** Runs in the page, before its own scripts: keeps the browser's event sources, to be looked at. */
function keepEventSources(): void {
  const page = globalThis as unknown as Page;
  page.eventSources = [];
  page.EventSource = class extends page.EventSource {
    constructor(url: string) {
      super(url);
      page.eventSources.push(this);
    }
  };
}

function isFocused(locator: Locator): Promise<boolean> {
  return locator.evaluate((element) => element.matches(":focus"));
}
