import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import type {
  Browser,
  BrowserContextOptions,
  Locator,
  Page,
} from "npm:playwright-core@1.65.1";

/** A PNG file as far as its first bytes. */
export function pngFile(size: number): FilePayload {
  const buffer = Buffer.alloc(size);
  buffer.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10].slice(0, size));
  return { name: "picture.png", mimeType: "image/png", buffer };
}

/** A file as Playwright gives it to an input. */
export interface FilePayload {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** The demo's page in a browser tab, in words of what a visitor sees and does. Disposing of it closes the tab. */
export class DemoPage implements AsyncDisposable {
  readonly page: Page;
  /** What the page has reported as wrong. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** Opens the page in a context of its own, which is to the server another visitor. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<DemoPage> {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(60_000);
    await context.addInitScript(keepShown);
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

  /** What an element has shown, one after another, however briefly: its text, or how far its bar was. */
  shown(id: string): Promise<string[]> {
    return this.page.evaluate(
      (id) => (globalThis as unknown as KeptPage).shown[id] ?? [],
      id,
    );
  }

  /** Waits until the page has got so many events, and gives the sequence numbers of all, the oldest first. */
  async events(count: number): Promise<number[]> {
    const rows = this.page.locator("#events tr");
    await rows.nth(count - 1).waitFor({ state: "attached" });
    const ids = await rows.locator("td:nth-child(2)").allTextContents();
    return ids.reverse().map((id) => Number(id.split("-")[1]));
  }

  /** Waits for so many more events than there are, and checks that all from the first on have come, once, in order. */
  async checkEvents(more: number): Promise<void> {
    const count = await this.page.locator("#events tr").count();
    const seqs = await this.events(count + more);
    assertEquals(seqs, seqs.map((_, i) => seqs[0]! + i));
    assertEquals(this.errors, []);
  }

  /** Waits until the connection has been made anew so many times. */
  async reconnected(times: number): Promise<void> {
    await this.waitForText("#reconnections", new RegExp(`^${times}$`));
    await this.waitForText("#ready-state", "1 OPEN");
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

  /** What the chat shows of the members whose names match, without the times. */
  async messages(names: RegExp): Promise<string[]> {
    const items = await this.page.locator("#messages li").allTextContents();
    return items.map((item) => item.replace(/^\S+( [AP]M)? /, ""))
      .filter((item) => names.test(item));
  }

  /** Whether the newest message is not scrolled out of its box. */
  isLastMessageInView(): Promise<boolean> {
    return this.page.locator("#messages li").last().evaluate((item) => {
      const { bottom } = item.getBoundingClientRect();
      const box = item.closest(".messages").getBoundingClientRect();
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

/** What is used of a page's global object. */
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
  /** How far a bar is. */
  position?: number;
}

/** Runs in the page, before its own scripts: keeps what the output elements show. */
function keepShown(): void {
  const page = globalThis as unknown as KeptPage;
  page.shown = {};
  const look = () => {
    for (
      const element of page.document.querySelectorAll(
        "#ready-state, #notice, #upload-status, #upload-bar",
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
