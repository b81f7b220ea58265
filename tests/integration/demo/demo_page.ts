import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  Locator,
  Page,
} from "npm:playwright-core@1.65.1";
import { until } from "../../support/until.ts";

/** A file that starts like a PNG file. */
export function pngFile(size: number): FilePayload {
  const buffer = Buffer.alloc(size);
  buffer.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10].slice(0, size));
  return { name: "picture.png", mimeType: "image/png", buffer };
}

/** A file for an input, as Playwright expects it. */
export interface FilePayload {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** The demo's page in a browser tab, with a visitor's actions and view. Disposing it closes the visitor's tabs. */
export class DemoPage implements AsyncDisposable {
  readonly page: Page;
  /** The exceptions that the page did not catch. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** Opens the page in a new context, which the server sees as another visitor. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<DemoPage> {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(60_000);
    await context.addInitScript(keepShown);
    return await DemoPage.openTab(context, url);
  }

  /** Opens the page in another tab of a visitor. */
  static async openTab(
    context: BrowserContext,
    url: string,
  ): Promise<DemoPage> {
    const page = new DemoPage(await context.newPage());
    await page.page.goto(url);
    return page;
  }

  /** Finds a button by its text. */
  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** Waits until an element has a text, or one that matches. */
  async waitForText(selector: string, text: string | RegExp): Promise<void> {
    await this.page.locator(selector).filter({ hasText: text }).first()
      .waitFor();
  }

  /** Every text that an element has shown, however briefly, or every position of a bar. */
  shown(id: string): Promise<string[]> {
    return this.page.evaluate(
      (id) => (globalThis as unknown as KeptPage).shown[id] ?? [],
      id,
    );
  }

  /** Waits until the page has received a number of events more. */
  async receive(more: number): Promise<void> {
    const received = this.page.locator("#received");
    const count = async () =>
      Number((await received.textContent())!.replaceAll(/\D/g, ""));
    const goal = await count() + more;
    await until(async () => await count() >= goal);
  }

  /** Waits for more events, and checks that the numbers of those listed are consecutive and that the page counts none missed. */
  async checkEvents(more: number): Promise<void> {
    await this.receive(more);
    const ids = await this.page.locator("#events td:nth-child(2)")
      .allTextContents();
    const numbers = ids.map((id) => Number(id.split("-")[1]));
    assertEquals(numbers, numbers.map((_, i) => numbers[0]! + i));
    assertEquals(
      await this.proof(),
      "missed 0 · duplicated 0 · out of order 0 · gaps 0",
    );
    assertEquals(this.errors, []);
  }

  /** The counts that the page shows. */
  async proof(): Promise<string> {
    const text = await this.page.locator("#proof").textContent();
    return text!.trim().replaceAll(/\s+/g, " ");
  }

  /** Waits until the page shows this number of reconnections. */
  async reconnected(times: number): Promise<void> {
    await this.waitForText("#reconnections", new RegExp(`^${times}$`));
    await this.waitForText("#state", "Connected");
  }

  /** Waits until the plot shows an outage that is over, and returns its length in seconds. */
  async outage(label: string): Promise<number> {
    const text = this.page.locator("#paper text", { hasText: label }).last();
    const [, seconds] = (await text.textContent())!.match(/, (\d+\.\d) s$/)!;
    return Number(seconds);
  }

  async join(name: string): Promise<void> {
    await this.page.getByLabel("Your name").fill(name);
    await this.button("Join").click();
    await this.waitForText("#messages li", `${name} joined`);
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.button("Send").click();
  }

  /** The chat's lines that match, without their times. */
  async messages(pattern: RegExp): Promise<string[]> {
    const items = await this.page.locator("#messages li").allTextContents();
    return items.map((item) => item.replace(/^\S+( [AP]M)? /, ""))
      .filter((item) => pattern.test(item));
  }

  /** Whether the newest message is not scrolled out of its box. */
  isLastMessageInView(): Promise<boolean> {
    return this.page.locator("#messages li").last().evaluate((item) => {
      const { bottom } = item.getBoundingClientRect();
      const box = item.closest(".scroll").getBoundingClientRect();
      return bottom > box.top && bottom <= box.bottom;
    });
  }

  async upload(file: FilePayload): Promise<void> {
    await this.page.setInputFiles("#send-file input", file);
    await this.button("Upload").click();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
    assert(this.page.isClosed());
  }
}

/** The part of a page's global object that is used here. */
interface KeptPage {
  shown: Record<string, string[]>;
  document: { querySelectorAll(selector: string): Iterable<KeptElement> };
  MutationObserver: new (callback: () => void) => {
    observe(target: unknown, options: Record<string, boolean>): void;
  };
}

interface KeptElement {
  id: string;
  textContent: string;
  /** The position of a bar. */
  position?: number;
}

/** Runs before the page's scripts: records the text of the output elements. */
function keepShown(): void {
  const page = globalThis as unknown as KeptPage;
  page.shown = {};
  const look = () => {
    for (
      const element of page.document.querySelectorAll(
        "#state, #server, #notice, #upload-status, #upload-bar",
      )
    ) {
      const { id, textContent, position = textContent } = element;
      const texts = page.shown[id] ??= [];
      if (texts.at(-1) !== `${position}`) texts.push(`${position}`);
    }
  };
  new page.MutationObserver(look).observe(page.document, {
    attributes: true,
    characterData: true,
    childList: true,
    subtree: true,
  });
}
