/** The server and the page of docs/resumable.md as printed, with a model whose answers the test writes, in Chromium. */
import { assert, assertEquals } from "@std/assert";
import type { Browser, Page } from "npm:playwright-core@1.65.1";
import { launchChromium } from "../../runners/chromium.ts";
import { App } from "../../support/app.ts";
import { readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";
import { textOf, textsOf } from "./produce.ts";

// What the functions see that run in the page.
declare const document: {
  querySelector(selector: string): { readonly textContent: string };
};

/** How an answer of the model continues after the events that the test sends. */
type ModelEnd = "done" | "break" | "no marker";

/** A model that streams like OpenAI's chat completions, up to where the test says. */
class Model implements AsyncDisposable {
  /** What it was asked. */
  readonly prompts: string[] = [];
  /** How many requests to it were cancelled. */
  cancelled = 0;
  /** The status of its responses. */
  status = 200;
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => this.#handle(request),
  );
  #count = 0;
  #end: ModelEnd | undefined;
  #wake: () => void = () => {};

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Sends this many tokens of the answer, and then ends it this way. */
  give(count: number, end?: ModelEnd): void {
    this.#count = count;
    this.#end = end;
    this.#wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    const { messages } = await request.json();
    this.prompts.push(messages[0].content);
    if (this.status !== 200) {
      return new Response("Busy", { status: this.status });
    }
    const headers = { "content-type": "text/event-stream" };
    return new Response(this.#answer(), { headers });
  }

  #answer(): ReadableStream<Uint8Array> {
    let sent = 0;
    const encoder = new TextEncoder();
    return new ReadableStream({
      pull: async (out) => {
        while (sent >= this.#count && this.#end === undefined) {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
        if (sent < this.#count) {
          const choices = [{ index: 0, delta: { content: textOf(sent++) } }];
          const data = JSON.stringify({ choices });
          out.enqueue(encoder.encode(`data: ${data}\n\n`));
        } else if (this.#end === "break") {
          out.error(new Error("The model breaks off"));
        } else {
          if (this.#end === "done") {
            out.enqueue(encoder.encode("data: [DONE]\n\n"));
          }
          out.close();
        }
      },
      cancel: () => {
        this.cancelled++;
        this.#wake();
      },
    }, { highWaterMark: 0 });
  }
}

/** The printed server in a process, and in front of it a proxy that cuts its event streams off. */
class Setup implements AsyncDisposable {
  /** The statuses of the event streams. */
  readonly statuses: number[] = [];
  readonly model: Model;
  readonly #stack: AsyncDisposableStack;
  readonly #app: App;
  readonly #proxy: Deno.HttpServer<Deno.NetAddr>;
  /** After how many bytes a stream is cut off. */
  #limit = Infinity;
  /** Whether the server cannot be reached. */
  isDown = false;

  private constructor(stack: AsyncDisposableStack, app: App, model: Model) {
    this.#stack = stack;
    this.#app = app;
    this.model = model;
    this.#proxy = stack.use(Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#pass(request),
    ));
  }

  static async start(limit = Infinity): Promise<Setup> {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "resumable_page_" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const { files } = await readSection(
      "docs/resumable.md",
      "A model's answer",
    );
    const resolve = (path: string) => import.meta.resolve(`../../../${path}`);
    const imports = {
      "@rivulet/sse": resolve("mod.ts"),
      "@rivulet/sse/server": resolve("src/server/mod.ts"),
    };
    const all = { ...files, "deno.json": JSON.stringify({ imports }) };
    for (const [name, text] of Object.entries(all)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const model = stack.use(new Model());
    const address = ["--host", "localhost", "--port", "$PORT"];
    const app = stack.use(
      await App.start(
        folder,
        [Deno.execPath(), "serve", "-A", "--no-lock", ...address, "server.ts"],
        { env: { API_URL: model.url } },
      ),
    );
    const setup = new Setup(stack.move(), app, model);
    setup.#limit = limit;
    return setup;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#proxy.addr.port}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  async #pass(request: Request): Promise<Response> {
    // EventSource gives up at an error status, and retries when a connection is refused.
    await until(() => !this.isDown);
    const { pathname } = new URL(request.url);
    const { method, headers, body } = request;
    const response = await fetch(this.#app.url + pathname, {
      method,
      headers,
      body,
    });
    if (!pathname.startsWith("/answers/") || method !== "GET") {
      return response;
    }
    this.statuses.push(response.status);
    return new Response(
      response.body?.pipeThrough(cut(this.#limit)),
      response,
    );
  }
}

/** Ends a body after the chunk that reaches this many bytes. */
function cut(length: number): TransformStream<Uint8Array, Uint8Array> {
  let left = length;
  return new TransformStream({
    transform(chunk, out) {
      out.enqueue(chunk);
      left -= chunk.length;
      if (left <= 0) out.terminate();
    },
  });
}

/** Opens the page in a new tab, and asks. */
async function ask({ url }: Setup, prompt: string): Promise<Page> {
  const tab = await (await browser.newContext()).newPage();
  await tab.goto(url);
  await tab.locator("input").fill(prompt);
  await tab.getByRole("button", { name: "Ask" }).click();
  return tab;
}

/** Waits until the page shows this many tokens, and this status. */
async function shows(tab: Page, count: number, status: string): Promise<void> {
  await tab.waitForFunction(
    ([text, status]) =>
      document.querySelector("#text").textContent === text &&
      document.querySelector("#status").textContent === status,
    [textsOf(count).join(""), status],
  );
}

/** Follows an answer with the browser's EventSource until that gives up; returns what it received. */
function follow(path: string): Promise<string[]> {
  return new Promise((resolve) => {
    const source = new EventSource(path);
    const seen: string[] = [];
    source.addEventListener("token", ({ data }) => seen.push(JSON.parse(data)));
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) resolve(seen);
    };
  });
}

let browser: Browser;
Deno.test.beforeAll(async () => {
  browser = await launchChromium();
});
Deno.test.afterAll(() => browser.close());

Deno.test("The page of docs/resumable.md shows the whole answer when it is reloaded and repeatedly cut off", async () => {
  await using setup = await Setup.start(300);
  const { model, statuses } = setup;
  model.give(5);
  const tab = await ask(setup, "To be?");
  await shows(tab, 5, "Writing");
  await tab.reload();
  await shows(tab, 5, "Writing");
  model.give(12);
  await shows(tab, 12, "Writing");
  model.give(20, "done");
  await shows(tab, 20, "done");
  await tab.reload();
  await shows(tab, 20, "done");
  assertEquals(model.prompts, ["To be?"]);
  assert(statuses.length > 4, `${statuses}`);
  assertEquals(new Set(statuses), new Set([200]));
  const path = new URL(tab.url()).hash.slice(1);
  assertEquals(await tab.evaluate(follow, path), textsOf(20).filter(Boolean));
  // The browser's own EventSource, which does not close, is stopped by 204.
  assertEquals(statuses.indexOf(204), statuses.length - 1);
  await tab.context().close();
});

Deno.test("The page of docs/resumable.md shows that the connection is lost, and that it is restored", async () => {
  await using setup = await Setup.start(500);
  const { model } = setup;
  model.give(3);
  const tab = await ask(setup, "To be?");
  await shows(tab, 3, "Writing");
  setup.isDown = true;
  model.give(12);
  await tab.locator("#status", { hasText: "Reconnecting" }).waitFor();
  setup.isDown = false;
  await shows(tab, 12, "Writing");
  await tab.context().close();
});

for (
  const [end, what] of [
    ["break", "breaks"],
    ["no marker", "ends before its marker"],
  ] as const
) {
  Deno.test(`The page of docs/resumable.md shows the partial answer and the failure when the model's answer ${what}`, async () => {
    await using setup = await Setup.start();
    setup.model.give(4, end);
    const tab = await ask(setup, "To be?");
    await shows(tab, 4, "The answer is incomplete");
    await tab.reload();
    await shows(tab, 4, "The answer is incomplete");
    assertEquals(setup.model.prompts.length, 1);
    await tab.context().close();
  });
}

Deno.test("The page of docs/resumable.md shows the failure when the model rejects the request", async () => {
  await using setup = await Setup.start();
  setup.model.status = 429;
  const tab = await ask(setup, "To be?");
  await shows(tab, 0, "The answer is incomplete");
  assertEquals(setup.model.prompts.length, 1);
  await tab.context().close();
});

Deno.test("The page of docs/resumable.md stops an answer, and the request to the model with it", async () => {
  await using setup = await Setup.start();
  const { model } = setup;
  model.give(3);
  const tab = await ask(setup, "To be?");
  await shows(tab, 3, "Writing");
  const stop = tab.getByRole("button", { name: "Stop" });
  const askButton = tab.getByRole("button", { name: "Ask" });
  assertEquals(await askButton.isDisabled(), true);
  await stop.click();
  await shows(tab, 3, "stopped");
  assertEquals(await stop.isDisabled(), true);
  assertEquals(await askButton.isEnabled(), true);
  await until(() => model.cancelled === 1);
  await tab.reload();
  await shows(tab, 3, "stopped");
  await tab.context().close();
});

Deno.test("The page of docs/resumable.md asks again in the same tab, and reports a missing answer", async () => {
  await using setup = await Setup.start();
  const { model, url } = setup;
  model.give(3, "done");
  const tab = await ask(setup, "To be?");
  await shows(tab, 3, "done");
  model.give(5, "done");
  await tab.locator("input").fill("Or not?");
  await tab.getByRole("button", { name: "Ask" }).click();
  await shows(tab, 5, "done");
  assertEquals(model.prompts, ["To be?", "Or not?"]);
  await tab.goto(`${url}/#/answers/none`);
  await shows(tab, 0, "The answer is not available");
  await tab.context().close();
});
