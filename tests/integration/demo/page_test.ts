/** The demo's page in Chromium, as its visitors use it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import axe from "npm:axe-core@4.14.1";
import type { Browser, Locator } from "npm:playwright-core@1.65.1";
import { Buffer } from "node:buffer";
import { ANSWER } from "../../../examples/demo/answers.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { freePort } from "../../support/port.ts";
import { until } from "../../support/until.ts";
import { type Demo, startOnDeno } from "./demo.ts";
import { DemoPage, pngFile } from "./demo_page.ts";

let folder: string;
let demo: Demo;
let browser: Browser;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "demo_" });
  [demo, browser] = await Promise.all([
    startOnDeno(`${folder}/demo.db`),
    launchChromium(),
  ]);
});
Deno.test.afterAll(async () => {
  await browser.close();
  await demo.kill();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("The page shows events as they arrive, each kind in its own way", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.reconnected(0);
  await visitor.checkEvents(3);
  const headline = visitor.page.locator("#events tr", {
    hasText: "breaking-news",
  }).last().locator("td").last();
  await visitor.waitForText(
    "#breaking strong",
    JSON.parse((await headline.textContent())!).headline,
  );
  await visitor.waitForText("#sports tbody tr", /\d : \d/);
  await visitor.waitForText("#weather li", /\d+°/);
  await visitor.waitForText("#last-event-id", /^\w+-\d+$/);
  await visitor.waitForText("#rate", /^\d+, peak [1-9]/);
  await visitor.waitForText("#latency", /^\d+, peak [1-9]/);
  const headings = await visitor.page.locator("h3").allTextContents();
  assertEquals(headings, ["Breaking news", "Sports", "Weather"]);
  const lines = visitor.page.locator("#paper line");
  await lines.first().waitFor({ state: "attached" });
});

Deno.test("The page counts missed, duplicated, late and reported events by their IDs", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.checkEvents(1);
  await visitor.page.evaluate(async () => {
    // The page's own module; the events are invented.
    const { count, showCounts } = await import("/proof.js" as string);
    for (const number of [1, 2, 5, 5, 3, 6]) {
      count({ type: "x", id: `e-${number}` });
    }
    count({ type: "gap", id: "e-9" });
    for (const number of [10, 11]) count({ type: "x", id: `e-${number}` });
    showCounts(11);
  });
  // The first invented event belongs to another log, and no gap announced it. Number 3 was late, 4 is missing.
  const proof = "missed 2 · duplicated 1 · out of order 1 · gaps 1";
  assertEquals(await visitor.proof(), proof);
});

Deno.test("The page never shows a negative latency", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.checkEvents(1);
  const [from, to] = await visitor.page.evaluate(async () => {
    const { drawEvent } = await import("/timeline.js" as string);
    const at = Date.now() + 1000;
    drawEvent(at, at - 50);
    const page = globalThis as unknown as Page;
    const line = page.document.querySelector("#lines > :last-child");
    return [line.getAttribute("x1"), line.getAttribute("x2")] as const;
  });
  assertEquals(from, to);
});

Deno.test("The page explains Chat and Tokens before the first click", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.waitForText("#tokens .question", /restarts\?$/);
  await visitor.waitForText("#tokens .hint", "word by word");
  await visitor.waitForText("#answer-status", "Not asked yet");
  // Others may have used the chat of the shared demo.
  const empty = visitor.page.locator("#chat .hint, #messages li");
  assert(await empty.count() > 0);
});

Deno.test("Two tabs of one browser chat, another browser gets the history, and text is never markup", async () => {
  await using ann = await DemoPage.open(browser, demo.url);
  const ben = await DemoPage.openTab(ann.page.context(), demo.url);
  await ann.join("Ann");
  await ben.join("<i>Ben");
  const text = "<img src=x onerror=alert(1)>&amp;🌊";
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

Deno.test("A member whose tab or browser is closed leaves the chat", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  const other = await DemoPage.openTab(visitor.page.context(), demo.url);
  await other.join("Otto");
  const gone = await DemoPage.open(browser, demo.url);
  await gone.join("Pia");
  await other.page.close();
  await gone.page.context().close();
  await visitor.waitForText("#messages li", "Otto left");
  await visitor.waitForText("#messages li", "Pia left");
});

Deno.test("A page that is reloaded shows the same chat, with its member still in it", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.join("Cleo");
  await visitor.say("Before");
  await visitor.waitForText("#messages li", "Cleo Before");
  await visitor.page.reload();
  await visitor.say("After");
  await visitor.waitForText("#messages li", "Cleo After");
  await visitor.checkEvents(2);
  assertEquals(await visitor.messages(/^Cleo/), [
    "Cleo joined",
    "Cleo Before",
    "Cleo After",
  ]);
});

Deno.test("A page whose connection is cut shows a second of outage and misses nothing, with each client", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.checkEvents(1);
  let cuts = 0;
  for (const client of ["browser", "rivulet", "connect"]) {
    await visitor.page.locator(`[value=${client}]`).check();
    await visitor.checkEvents(2);
    // The switch to this client was neither a reconnection nor an outage.
    await visitor.reconnected(cuts);
    assertEquals(await visitor.page.locator("#paper text").count(), cuts);
    await visitor.button("Cut the connection").click();
    await visitor.reconnected(++cuts);
    const states = (await visitor.shown("state")).slice(-3);
    assertEquals(states, ["Connected", "Reconnecting", "Connected"]);
    assert(await visitor.outage("cut") >= 1);
    await visitor.checkEvents(2);
  }
});

Deno.test("A client chosen during an outage ends it when events come again, as a reconnection", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.checkEvents(1);
  await visitor.waitForText("#outstanding", /^0$/);
  await visitor.button("Silence the connection").click();
  await visitor.waitForText("#notice", "does not notice");
  await visitor.waitForText("#state", "Connected, silent");
  await visitor.waitForText("#outstanding", /^[1-9]/);
  await visitor.page.locator("[value=rivulet]").check();
  await visitor.reconnected(1);
  await visitor.waitForText("#outstanding", /^0$/);
  await visitor.checkEvents(2);
  assertEquals(await visitor.page.locator("#labels text").count(), 1);
});

Deno.test("A page with an idle timeout closes a silent connection, and misses nothing", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.checkEvents(1);
  await visitor.page.locator("[value=rivulet]").check();
  await visitor.checkEvents(1);
  await visitor.button("Silence the connection").click();
  await visitor.waitForText("#notice", "idle timeout");
  await visitor.reconnected(1);
  await visitor.waitForText("#notice", "keep running");
  assert(await visitor.outage("silence") >= 1);
  await visitor.checkEvents(2);
});

Deno.test("A seventh tab works, since all tabs of a browser share one stream", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  const context = visitor.page.context();
  const tabs = [visitor];
  while (tabs.length < 7) tabs.push(await DemoPage.openTab(context, demo.url));
  for (const tab of tabs) await tab.checkEvents(1);
  await tabs.at(-1)!.button("Cut the connection").click();
  for (const tab of tabs) {
    await tab.reconnected(1);
    await tab.checkEvents(1);
  }
});

Deno.test("A page without shared workers opens its own stream", async () => {
  await using visitor = await DemoPage.open(browser, "about:blank");
  await visitor.page.addInitScript(() => {
    Object.assign(globalThis, { SharedWorker: undefined });
  });
  await visitor.page.goto(demo.url);
  await visitor.checkEvents(2);
  await visitor.button("Cut the connection").click();
  await visitor.reconnected(1);
  await visitor.checkEvents(1);
});

Deno.test("A page whose server is restarted shows the outage and misses no event, no word and no message", async () => {
  await using own = await startOnDeno(`${folder}/restarted.db`);
  await using visitor = await DemoPage.open(browser, own.url);
  await visitor.join("Dora");
  await visitor.say("Before");
  await visitor.waitForText("#messages li", "Dora Before");
  await visitor.button("Ask this question").click();
  await visitor.waitForText("#answer", "into a log");
  await visitor.button("Restart the server").click();
  await visitor.say("Meanwhile");
  await visitor.reconnected(1);
  await visitor.waitForText("#server", / → \d+$/);
  assert((await visitor.shown("state")).includes("Reconnecting"));
  const processes = (await visitor.shown("server")).slice(-3);
  const [before, after] = processes[2]!.split(" → ");
  assert(before !== after);
  assertEquals(processes, [before, `${before} → …`, `${before} → ${after}`]);
  assert(await visitor.outage("restart") >= 1);
  await visitor.waitForText("#messages li", "Dora Meanwhile");
  await visitor.waitForText("#answer-status", /^Complete: \d+ words$/);
  assertEquals(await visitor.page.locator("#answer").textContent(), ANSWER);
  await visitor.checkEvents(2);
  assertEquals(await visitor.messages(/^Dora/), [
    "Dora joined",
    "Dora Before",
    "Dora Meanwhile",
  ]);
});

Deno.test("A server that is killed is started again, and the page misses nothing", async () => {
  await using own = await startOnDeno(`${folder}/killed.db`);
  await using visitor = await DemoPage.open(browser, own.url);
  await visitor.checkEvents(1);
  await visitor.waitForText("#server", /^\d+$/);
  const server = await visitor.page.locator("#server").textContent();
  Deno.kill(Number(server), "SIGKILL");
  await visitor.reconnected(1);
  assert(await visitor.outage("lost") > 0);
  await visitor.checkEvents(2);
});

Deno.test("A demo that is killed and restarted continues its log, receives the message sent meanwhile, and shows that its answer ended", async () => {
  const file = `${folder}/kept.db`;
  const port = freePort();
  const first = await startOnDeno(file, port);
  await using visitor = await DemoPage.open(browser, first.url);
  await visitor.join("Gus");
  await visitor.button("Ask this question").click();
  await visitor.waitForText("#answer", "into a log");
  await first.kill();
  await visitor.waitForText("#state", "Reconnecting");
  await visitor.say("Meanwhile");
  await visitor.waitForText("#chat-error", "sent again");
  await visitor.page.locator("[value=connect]").check();
  await visitor.waitForText("#notice", "the server is away");
  await visitor.waitForText("#outstanding", "?");

  await using _second = await startOnDeno(file, port);
  await visitor.reconnected(1);
  await visitor.waitForText("#messages li", "Gus Meanwhile");
  await visitor.checkEvents(2);
  assertEquals(await visitor.messages(/^Gus/), ["Gus joined", "Gus Meanwhile"]);
  await visitor.waitForText("#answer-status", /process ended after \d+ words$/);
  const answer = await visitor.page.locator("#answer").textContent();
  assert(ANSWER.startsWith(answer!) && answer!.length < ANSWER.length);
  assert(await visitor.button("Ask this question").isEnabled());
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
  assertEquals(texts, ["No file yet", "Uploading …", "Complete: picture.png"]);
  const places = (await visitor.shown("upload-bar")).map(Number);
  assert(places.some((place) => place > 0 && place < 1), places.join());
  assertEquals(places.at(-1), 1);
  const saved = await Deno.readFile(await download.path());
  assertEquals(saved, new Uint8Array(file.buffer));
  const [source, ...others] = await visitor.page.evaluate(() =>
    (globalThis as unknown as Page).eventSources
      .map(({ url, readyState }) => ({ url, readyState }))
  );
  assertMatch(source!.url, /\/uploads\/.*\/events$/);
  assertEquals(source!.readyState, 2);
  assertEquals(others, []);
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

Deno.test("An upload that is refused shows the reason", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.upload(pngFile(6 * 1024 * 1024));
  await visitor.waitForText("#upload-status.error", "larger than announced");
  const file = { ...pngFile(0), buffer: Buffer.from("<b>Hello, world") };
  await visitor.upload(file);
  await visitor.waitForText("#upload-status.error", "not a PNG");
  await visitor.upload(pngFile(0));
  await visitor.waitForText("#upload-status.error", "The file is empty");
  await visitor.upload(pngFile(100));
  await visitor.waitForText("#upload-status:not(.error)", "Complete");
});

Deno.test("An answer continues while the page is reloaded", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  await visitor.button("Ask this question").click();
  await visitor.waitForText("#answer[aria-busy=true]", "into a log");
  await visitor.page.reload();
  await visitor.waitForText("#answer", "Restart the server");
  const answer = await visitor.page.locator("#answer").textContent();
  assert(ANSWER.startsWith(answer!));
});

Deno.test("A stopped answer is shown as stopped, and can be requested again", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  const ask = visitor.button("Ask this question");
  const stop = visitor.button("Stop");
  assert(await stop.isDisabled());
  await ask.click();
  await visitor.waitForText("#answer", "It goes on.");
  await stop.click();
  await visitor.waitForText("#answer-status", /^Stopped after \d+ words$/);
  assert(await stop.isDisabled() && await ask.isEnabled());
  const answer = await visitor.page.locator("#answer").textContent();
  assert(ANSWER.startsWith(answer!) && answer!.length < ANSWER.length);
  const words = answer!.split(/\s+/).length;
  await visitor.waitForText("#answer-status", ` ${words} words`);
  // After a reload the log shows the same.
  await visitor.page.reload();
  await visitor.waitForText("#answer-status", `Stopped after ${words} words`);
  await ask.click();
  await visitor.waitForText("#answer-status", "Writing");
});

Deno.test("A question that cannot be sent shows so, and a stop is sent again", async () => {
  await using visitor = await DemoPage.open(browser, demo.url);
  const ask = visitor.button("Ask this question");
  const status = "#answer-status";
  await visitor.page.route("**/answers", (route) => route.abort());
  await ask.click();
  await visitor.waitForText(status, "This is not sent again");
  await visitor.page.unroute("**/answers");
  await ask.click();
  await visitor.waitForText("#answer", "It goes on.");
  const { promise, resolve } = Promise.withResolvers<void>();
  let stops = 0;
  await visitor.page.route("**/answers/*", async (route) => {
    if (++stops === 2) await promise;
    await (stops === 1 ? route.abort() : route.continue());
  });
  const words = await visitor.page.locator("#answer").textContent();
  await visitor.button("Stop").click();
  await until(() => stops === 2);
  // Words that come meanwhile do not replace the message.
  const answer = visitor.page.locator("#answer");
  await until(async () => await answer.textContent() !== words);
  await visitor.waitForText(status, "The stop is sent again");
  resolve();
  await visitor.waitForText(status, /^Stopped after \d+ words$/);
});

for (const width of [1280, 390]) {
  Deno.test(`The page has no accessibility problem and no layout shift, ${width} pixels`, async () => {
    const options = { viewport: { width, height: 800 } };
    await using visitor = await DemoPage.open(browser, "about:blank", options);
    await visitor.page.addInitScript(keepShifts);
    await visitor.page.goto(demo.url);
    await visitor.checkEvents(1);
    assertEquals(await findProblems(visitor), []);
    await visitor.join("Eva");
    await visitor.button("Ask this question").click();
    await visitor.button("Silence the connection").click();
    await visitor.waitForText("#notice", "idle timeout");
    assertEquals(await findProblems(visitor), []);
    await visitor.button("Cut the connection").click();
    await visitor.reconnected(1);
    assertEquals(await visitor.page.evaluate(findMisplaced), []);
    await visitor.say("Hello");
    await visitor.waitForText("#messages li", "Eva Hello");
    await visitor.waitForText("#answer", "Restart the server");
    const { scrollWidth, shifts } = await visitor.page.evaluate(() => {
      const page = globalThis as unknown as Page;
      const { scrollWidth } = page.document.documentElement;
      return { scrollWidth, shifts: page.shifts };
    });
    assertEquals(scrollWidth, width);
    assertEquals(shifts, []);
  });
}

Deno.test("The picture of the demo is 1280 pixels wide and smaller than 150 kB", async () => {
  const picture = await Deno.readFile("docs/demo.png");
  assert(picture.length < 150_000);
  // The PNG header.
  assertEquals(new DataView(picture.buffer).getUint32(16), 1280);
});

Deno.test("The page follows the theme, fits 320 pixels, and can be used with the keyboard only", async () => {
  const grounds = new Set<string>();
  for (const colorScheme of ["light", "dark"] as const) {
    const viewport = { width: 320, height: 640 };
    const options = { colorScheme, viewport };
    await using visitor = await DemoPage.open(browser, demo.url, options);
    await visitor.receive(1);
    const [width, ground] = await visitor.page.evaluate(() => {
      const page = globalThis as unknown as Page;
      const root = page.document.documentElement;
      const { backgroundColor } = page.getComputedStyle(root);
      return [root.scrollWidth, backgroundColor] as const;
    });
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

/** Runs in the page: finds the labels that leave their band, the events that are cut off, and the focus rings on a label. */
function findMisplaced(): string[] {
  const { document } = globalThis as unknown as Page;
  const find = (selector: string) => [...document.querySelectorAll(selector)];
  const boxOf = (element: Box) => element.getBoundingClientRect();
  const plot = boxOf(document.querySelector(".plot"));
  const bands = find("#bands rect").map(boxOf);
  const labels = find("#labels text").filter((label, i) => {
    const { left, right, top, bottom } = boxOf(label);
    return left < bands[i]!.left - 1 || right > bands[i]!.right + 2 ||
      top < plot.top || bottom > plot.bottom;
  });
  const data = find("#events td").filter((cell) =>
    cell.scrollWidth > cell.clientWidth
  );
  // The ring is 3 pixels wide, 2 pixels from the field.
  const rings = find(":is(#chat form:not([hidden]), #upload) label").filter(
    (label) => {
      const text = document.createRange();
      text.selectNode(label.firstChild);
      const field = boxOf(label.querySelector("input"));
      return boxOf(text).bottom > field.top - 5;
    },
  );
  return [...labels, ...data, ...rings].map(({ textContent }) => textContent);
}

/** The part of a page's global object that is used here. */
interface Page {
  document: {
    documentElement: { scrollWidth: number };
    createRange(): Box & { selectNode(node: unknown): void };
    querySelector(selector: string): PageElement;
    querySelectorAll(selector: string): Iterable<PageElement>;
  };
  getComputedStyle(element: unknown): { backgroundColor: string };
  EventSource: { new (url: string): KeptEventSource };
  eventSources: KeptEventSource[];
  PerformanceObserver: new (
    callback: (list: { getEntries(): Shift[] }) => void,
  ) => { observe(options: Record<string, unknown>): void };
  shifts: string[];
  axe: { run(): Promise<{ violations: Violation[] }> };
}

interface Box {
  getBoundingClientRect(): Record<"left" | "right" | "top" | "bottom", number>;
}

interface PageElement extends Box {
  scrollWidth: number;
  clientWidth: number;
  textContent: string;
  firstChild: unknown;
  querySelector(selector: string): PageElement;
  getAttribute(name: string): string | null;
}

interface KeptEventSource {
  readonly url: string;
  readonly readyState: number;
}

interface Shift {
  sources: { node?: { outerHTML?: string; textContent: string } }[];
  value: number;
}

interface Violation {
  id: string;
  nodes: { html: string }[];
}

/** Runs in the page before its own scripts: records the browser's event sources. */
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

/** Runs before the page's scripts: records layout shifts. */
function keepShifts(): void {
  const page = globalThis as unknown as Page;
  page.shifts = [];
  new page.PerformanceObserver((list) => {
    for (const { sources, value } of list.getEntries()) {
      const moved = sources.map(({ node }) =>
        node?.outerHTML ?? node?.textContent
      );
      page.shifts.push(`${value}: ${moved.join(" ")}`);
    }
  }).observe({ type: "layout-shift", buffered: true });
}

/** What axe finds wrong in either theme. */
async function findProblems({ page }: DemoPage): Promise<string[]> {
  await page.evaluate(axe.source);
  const problems = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as Page).axe.run()
    );
    for (const { id, nodes } of violations) {
      problems.push(`${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    }
  }
  return problems;
}

function isFocused(locator: Locator): Promise<boolean> {
  return locator.evaluate((element) => element.matches(":focus"));
}
