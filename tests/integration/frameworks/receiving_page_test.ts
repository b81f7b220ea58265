/** The hook for React and the store for Svelte that docs/frameworks.md prints, with the real renderers in a page. */
import { assertEquals } from "@std/assert";
import type { Page as Tab } from "npm:playwright-core@1.65.1";
import { Channel } from "../../../mod.ts";
import { pack } from "../../../tools/packed.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";
import { Project } from "../package/package.ts";

const react = `
  import { Activity, createElement, StrictMode } from "react";
  import { createRoot } from "react-dom/client";
  import { News } from "./news.tsx";
  const root = createRoot(document.body.appendChild(document.createElement("main")));
  globalThis.leave = () => root.unmount();
  // React unsubscribes a component that an Activity hides, and keeps its state.
  globalThis.show = (mode) => root.render(
    createElement(StrictMode, null, createElement(Activity, { mode }, createElement(News)))
  );
  show("visible");`;
const svelte = `
  import { mount, unmount } from "svelte";
  import News from "./News.svelte";
  const news = mount(News, { target: document.body });
  globalThis.leave = () => unmount(news);`;

/** Bundles a page, with Svelte's compiler for its components. */
const build = `
  import { readFile } from "node:fs/promises";
  import { build } from "esbuild";
  import { compile } from "svelte/compiler";
  const components = {
    name: "svelte",
    setup: ({ onLoad }) =>
      onLoad({ filter: /\\.svelte$/ }, async ({ path }) => ({
        contents: compile(await readFile(path, "utf8"), {}).js.code,
      })),
  };
  await build({
    entryPoints: ["react.js", "svelte.js"],
    outdir: "pages",
    bundle: true,
    format: "esm",
    jsx: "automatic",
    conditions: ["svelte", "browser"],
    define: { "process.env.NODE_ENV": '"development"' },
    plugins: [components],
  });`;

const packages = [
  "react@19.3.1",
  "react-dom@19.3.1",
  "@types/react@19.3.3",
  "svelte@5.57.3",
  "esbuild@0.25.10",
  "typescript@7.0.2",
];

let project: Project;

Deno.test.beforeAll(async () => {
  project = await Project.empty();
  await project.install(await pack(project.folder), ...packages);
  for (const heading of ["React", "Svelte 5"]) {
    const { files } = await readSection("docs/frameworks.md", heading);
    for (const [name, text] of Object.entries(files)) {
      await project.write(name, text);
    }
  }
  await project.write("react.js", react);
  await project.write("svelte.js", svelte);
  await project.write("build.js", build);
  await project.run("node", "build.js");
});
Deno.test.afterAll(() => project[Symbol.asyncDispose]());

Deno.test("The hook for React and the store for Svelte type-check", async () => {
  await project.run(
    "node_modules/.bin/tsc",
    "--strict",
    "--noEmit",
    "--exactOptionalPropertyTypes",
    "--allowImportingTsExtensions",
    "--target",
    "esnext",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--jsx",
    "react-jsx",
    "use_events.ts",
    "news.tsx",
    "events.ts",
  );
});

for (const name of ["react", "svelte"]) {
  Deno.test(`A component in ${name} shows events as they arrive, and disconnects when it is removed`, async () => {
    await using page = await Page.open(name);
    await page.publish("It rains");
    await page.publish("It pours");
    await page.tab.evaluate("leave()");
    await until(() => page.news.stats.subscribers === 0);
    assertEquals(page.errors, []);
  });
}

Deno.test("The hook for React resumes after its last event when React resubscribes", async () => {
  await using page = await Page.open("react");
  await page.publish("seen");
  await page.tab.evaluate('show("hidden")');
  await until(() => page.news.stats.subscribers === 0);
  await page.news.publish({ data: "missed" });
  await page.tab.evaluate('show("visible")');
  await page.shows("missed");
  await page.publish("fresh");
  const items = await page.tab.locator("li").allTextContents();
  assertEquals(items, ["seen", "missed", "fresh"]);
  assertEquals(page.errors, []);
});

/** A page that follows a channel, in a tab; disposing of it closes both. */
class Page implements AsyncDisposable {
  readonly news: Channel;
  readonly tab: Tab;
  /** What the page has reported as wrong. */
  readonly errors: string[] = [];
  readonly #stack: AsyncDisposableStack;

  private constructor(news: Channel, tab: Tab, stack: AsyncDisposableStack) {
    this.news = news;
    this.tab = tab;
    this.#stack = stack;
    tab.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** Opens a page, and waits until it follows the channel. */
  static async open(name: string): Promise<Page> {
    const news = new Channel();
    await using stack = new AsyncDisposableStack();
    const server = stack.use(
      servePage(news, `${project.folder}/pages/${name}.js`),
    );
    const browser = await launchChromium();
    stack.defer(() => browser.close());
    const page = new Page(news, await browser.newPage(), stack.move());
    await page.tab.goto(`http://127.0.0.1:${server.addr.port}/`);
    await until(() => news.stats.subscribers === 1);
    return page;
  }

  /** Publishes, and waits until the page shows it. */
  async publish(data: string): Promise<void> {
    await this.news.publish({ data });
    await this.shows(data);
  }

  async shows(data: string): Promise<void> {
    await this.tab.locator("li", { hasText: data }).waitFor();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function servePage(
  news: Channel,
  script: string,
): Deno.HttpServer<Deno.NetAddr> {
  const answer = (type: string, body: string) =>
    new Response(body, { headers: { "content-type": type } });
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      switch (new URL(request.url).pathname) {
        case "/":
          return answer(
            "text/html",
            '<script type="module" src="/page.js"></script>',
          );
        case "/page.js":
          return answer("text/javascript", await Deno.readTextFile(script));
        case "/news":
          return await news.respond(request);
        default:
          return new Response(null, { status: 404 });
      }
    },
  );
}
