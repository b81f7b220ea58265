/** The app that docs/ai_sdk.md prints, with the packed package: `useChat` in Chromium on a server in a process. */
import { assertEquals } from "@std/assert";
import type { Browser, BrowserContext, Page } from "npm:playwright-core@1.65.1";
import { pack } from "../../../tools/packed.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { App } from "../../support/app.ts";
import { FaultProxy } from "../../support/fault_proxy.ts";
import { freePort } from "../../support/port.ts";
import { readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";
import { Project } from "../package/package.ts";
import { BREAK } from "./model.ts";
import { Provider } from "./provider.ts";

const packages = [
  "ai@7.0.173",
  "@ai-sdk/react@4.0.177",
  "react@19.3.1",
  "react-dom@19.3.1",
  "@types/react@19.3.3",
  "@types/react-dom@19.3.0",
  "@types/node@24",
  "esbuild@0.25.10",
  "typescript@7.0.2",
];

/** Stands in the place of @ai-sdk/openai: the AI SDK's own model for tests. */
const openai = `
  import { modelAt } from "./model.ts";
  export const openai = () => modelAt(process.env.PROVIDER_URL);`;
const openaiTypes = `
  import type { LanguageModel } from "ai";
  export declare const openai: (name: string) => LanguageModel;`;

let project: Project;
let browser: Browser;

Deno.test.beforeAll(async () => {
  project = await Project.empty();
  await project.install(await pack(project.folder), ...packages);
  for (const heading of ["The server", "The page"]) {
    const { files } = await readSection("docs/ai_sdk.md", heading);
    for (const [name, text] of Object.entries(files)) {
      await project.write(name, text);
    }
  }
  await writeModel();
  await bundle("main.tsx", "page.js", "--jsx=automatic");
  browser = await launchChromium();
});
Deno.test.afterAll(async () => {
  await browser.close();
  await project[Symbol.asyncDispose]();
});

async function writeModel(): Promise<void> {
  const text = await Deno.readTextFile("tests/integration/ai_sdk/model.ts");
  await project.write("model.ts", text.replace(/"npm:ai@[^/]*/, '"ai'));
  const folder = "node_modules/@ai-sdk/openai";
  await project.write("openai.ts", openai);
  await project.write(`${folder}/index.d.ts`, openaiTypes);
  await project.write(
    `${folder}/package.json`,
    '{ "type": "module", "main": "index.js", "types": "index.d.ts" }',
  );
  await bundle("openai.ts", `${folder}/index.js`, "--external:ai");
}

async function bundle(
  source: string,
  target: string,
  ...options: string[]
): Promise<void> {
  await project.run(
    "node_modules/.bin/esbuild",
    source,
    "--bundle",
    "--format=esm",
    "--log-level=error",
    `--outfile=${target}`,
    ...options,
  );
}

Deno.test("The app of docs/ai_sdk.md type-checks", async () => {
  await project.run(
    "node_modules/.bin/tsc",
    "--strict",
    "--noEmit",
    "--allowImportingTsExtensions",
    "--skipLibCheck",
    "--target",
    "esnext",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--jsx",
    "react-jsx",
    "--types",
    "node",
    "server.ts",
    "main.tsx",
  );
});

Deno.test("useChat shows a running answer again when its page is reloaded, and follows it to the end", async () => {
  await using scene = await Scene.open();
  const { provider } = scene;
  const tab = await scene.tab();
  await tab.ask("Go");
  await provider.isAsked(1);
  provider.say("To", " be");
  await tab.shows("streaming", "user:Go", "assistant:To be");
  await tab.reload();
  await tab.shows("streaming", "user:Go", "assistant:To be");
  provider.say(" or not");
  provider.end();
  await tab.shows("ready", "user:Go", "assistant:To be or not");
  await tab.reload();
  await tab.shows("ready", "user:Go", "assistant:To be or not");
  assertEquals(tab.resumed, [204, 200, 204]);
  assertEquals([provider.asked, tab.errors], [1, []]);
});

Deno.test("useChat shows a running answer in a second tab, and both tabs show the same text", async () => {
  await using scene = await Scene.open();
  const { provider } = scene;
  const first = await scene.tab();
  await first.ask("Go");
  await provider.isAsked(1);
  provider.say("To");
  await first.shows("streaming", "user:Go", "assistant:To");
  const second = await scene.tab();
  await second.shows("streaming", "user:Go", "assistant:To");
  provider.say(" be");
  provider.end();
  for (const tab of [first, second]) {
    await tab.shows("ready", "user:Go", "assistant:To be");
    assertEquals(tab.errors, []);
  }
  assertEquals(provider.asked, 1);
});

Deno.test("useChat becomes ready and keeps the partial answer in every tab when one tab stops it, and the next question gets a new answer", async () => {
  await using scene = await Scene.open();
  const { provider } = scene;
  const first = await scene.tab();
  await first.ask("Go");
  await provider.isAsked(1);
  provider.say("To", " be");
  await first.shows("streaming", "user:Go", "assistant:To be");
  const second = await scene.tab();
  await second.shows("streaming", "user:Go", "assistant:To be");
  await second.press("Stop");
  for (const tab of [first, second]) {
    await tab.shows("ready", "user:Go", "assistant:To be");
  }
  await until(() => provider.running === 0);
  await scene.stores(2);
  await first.reload();
  await first.shows("ready", "user:Go", "assistant:To be");
  await first.ask("On");
  await provider.isAsked(2);
  provider.say("That is");
  provider.end();
  const messages = ["user:Go", "assistant:To be", "user:On"];
  await first.shows("ready", ...messages, "assistant:That is");
  assertEquals([first.errors, second.errors], [[], []]);
});

Deno.test("useChat resumes an answer when its page becomes visible again after its connection was cut", async () => {
  await using scene = await Scene.open();
  const { provider } = scene;
  await using proxy = await FaultProxy.start([scene.port]);
  const tab = await scene.tab(proxy.port);
  await tab.ask("Go");
  await provider.isAsked(1);
  provider.say("To", " be");
  await tab.shows("streaming", "user:Go", "assistant:To be");
  await proxy.cut();
  await tab.shows("error: network error", "user:Go", "assistant:To be");
  provider.say(" or");
  await tab.becomeVisible();
  await tab.shows("streaming", "user:Go", "assistant:To be or");
  provider.say(" not");
  provider.end();
  await tab.shows("ready", "user:Go", "assistant:To be or not");
  assertEquals(tab.resumed, [204, 200]);
  assertEquals([provider.asked, tab.errors], [1, []]);
});

Deno.test("useChat receives the partial answer and an error when it resumes an answer whose server was killed", async () => {
  await using scene = await Scene.open();
  const { provider } = scene;
  const tab = await scene.tab();
  await tab.ask("Go");
  await provider.isAsked(1);
  provider.say("To", " be");
  await tab.shows("streaming", "user:Go", "assistant:To be");
  await scene.restart();
  await tab.shows("error: network error", "user:Go", "assistant:To be");
  const other = await scene.tab();
  await other.shows("streaming", "user:Go", "assistant:To be");
  await tab.press("Resume");
  for (const each of [tab, other]) {
    await each.shows(
      "error: An error occurred.",
      "user:Go",
      "assistant:To be",
    );
  }
  await tab.reload();
  await tab.shows("ready", "user:Go");
  assertEquals(tab.resumed, [204, 200, 204]);
  assertEquals(provider.asked, 1);
});

Deno.test("useChat shows an error without details when the model's provider fails", async () => {
  await using scene = await Scene.open();
  const { provider } = scene;
  const tab = await scene.tab();
  await tab.ask("Go");
  await provider.isAsked(1);
  provider.say("To");
  await tab.shows("streaming", "user:Go", "assistant:To");
  provider.say(BREAK);
  await tab.shows("error: An error occurred.", "user:Go", "assistant:To");
  provider.status = 400;
  await tab.ask("Again");
  await tab.shows(
    "error: An error occurred.",
    "user:Go",
    "assistant:To",
    "user:Again",
    "assistant:",
  );
  await tab.reload();
  assertEquals(tab.resumed, [204, 204]);
});

/** A server with its model's provider, and the tabs of a browser that show the same chat. */
class Scene implements AsyncDisposable {
  readonly provider: Provider;
  readonly #context: BrowserContext;
  readonly #stack: AsyncDisposableStack;
  /** Where the server listens, in every life. */
  readonly port: number = freePort();
  readonly #chat: string = crypto.randomUUID();
  #app: App | undefined;

  private constructor(
    provider: Provider,
    context: BrowserContext,
    stack: AsyncDisposableStack,
  ) {
    this.provider = provider;
    this.#context = context;
    this.#stack = stack;
  }

  static async open(): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const provider = stack.use(new Provider());
    const context = await browser.newContext();
    const scene = new Scene(provider, context, stack.move());
    try {
      await scene.restart();
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
    return scene;
  }

  /** Starts the server; if it runs, after it was killed. */
  async restart(): Promise<void> {
    await this.#app?.[Symbol.asyncDispose]();
    const listen = ["--host=localhost", "--port=$PORT"];
    this.#app = await App.start(
      project.folder,
      [Deno.execPath(), "serve", "-A", "--no-check", ...listen, "server.ts"],
      { env: { PROVIDER_URL: this.provider.url }, port: this.port },
    );
  }

  /** Waits until the server has stored this many messages. */
  async stores(count: number): Promise<void> {
    const url = `${this.#app!.url}/api/chat/${this.#chat}`;
    await until(async () => (await (await fetch(url)).json()).length === count);
  }

  async tab(port: number = this.port): Promise<Tab> {
    const tab = new Tab(await this.#context.newPage());
    await tab.open(`http://localhost:${port}/#${this.#chat}`);
    return tab;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
    await this.#app?.[Symbol.asyncDispose]();
    await this.#stack.disposeAsync();
  }
}

/** A tab that shows the chat. */
class Tab {
  /** The statuses of the answers to its requests to resume. */
  readonly resumed: number[] = [];
  /** What the page has reported as wrong. */
  readonly errors: string[] = [];
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("response", (response) => {
      const isResume = response.url().endsWith("/stream");
      if (isResume) this.resumed.push(response.status());
    });
  }

  async open(url: string): Promise<void> {
    await this.#load(() => this.#page.goto(url));
  }

  async reload(): Promise<void> {
    await this.#load(() => this.#page.reload());
  }

  /** Waits for the answer to the page's request to resume, which can arrive after the page shows the stored messages. */
  async #load(load: () => Promise<unknown>): Promise<void> {
    const count = this.resumed.length;
    await load();
    await until(() => this.resumed.length > count);
  }

  async ask(text: string): Promise<void> {
    await this.#page.locator("input").fill(text);
    await this.press("Send");
  }

  /** Lets the page notice that its tab is shown. */
  async becomeVisible(): Promise<void> {
    await this.#page.evaluate(
      'document.dispatchEvent(new Event("visibilitychange"))',
    );
  }

  async press(name: string): Promise<void> {
    await this.#page.getByRole("button", { name }).click();
  }

  /** Waits until it shows the status and exactly these messages. */
  async shows(status: string, ...messages: string[]): Promise<void> {
    const expected = JSON.stringify([status, ...messages]);
    let shown = "";
    try {
      await until(async () => (shown = await this.#shown()) === expected);
    } catch {
      assertEquals(JSON.parse(shown), [status, ...messages]);
    }
  }

  async #shown(): Promise<string> {
    const status = await this.#page.locator("output").allTextContents();
    const messages = await this.#page.locator("main > p").allTextContents();
    return JSON.stringify([...status, ...messages]);
  }
}
