/** The page of docs/resumable.md in Chromium, with its own EventSource, whose connections are cut again and again. */
import { assert, assertEquals } from "@std/assert";
import type { Browser, Page } from "npm:playwright-core@1.65.1";
import {
  MemoryLog,
  type Resumable,
  resumable,
  type ServerSentEventInit,
} from "../../../src/server/mod.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { textOf, textsOf } from "./produce.ts";

const text = Deno.readTextFileSync("docs/resumable.md");
const [, page] = /^```html\n(.*?)^```$/ms.exec(text)!;
const html = { headers: { "content-type": "text/html; charset=utf-8" } };

// What the functions see that run in the page.
declare const document: {
  querySelector(selector: string): { readonly textContent: string };
};

/** A server like that of the document, whose answers go on as far as the test says. */
class Server implements AsyncDisposable {
  /** What those who follow an answer were answered. */
  readonly statuses: number[] = [];
  /** How many producers have been started. */
  started = 0;
  readonly #answers = new Map<string, Resumable>();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => this.#handle(request),
  );
  #count = 0;
  #end: "done" | "failure" | undefined;
  #wake: () => void = () => {};

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Lets answers have so many events, and come to an end behind them. */
  give(count: number, end?: "done" | "failure"): void {
    this.#count = count;
    this.#end = end;
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const answer of this.#answers.values()) await answer.abort();
    await this.#server.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return new Response(page, html);
    if (request.method === "POST") return this.#take();
    const answer = this.#answers.get(pathname);
    if (answer === undefined) return new Response(null, { status: 404 });
    if (request.method === "DELETE") {
      await answer.abort();
      return new Response(null, { status: 204 });
    }
    const response = await answer.respond(request);
    this.statuses.push(response.status);
    return new Response(response.body?.pipeThrough(cut(150)), response);
  }

  #take(): Response {
    const location = `/answers/${this.#answers.size + 1}`;
    const answer = resumable(
      new MemoryLog(),
      (signal) => this.#produce(signal),
      { retry: 1, abortEvent: { event: "stopped", data: "" } },
    );
    this.#answers.set(location, answer);
    return new Response(null, { status: 201, headers: { location } });
  }

  async *#produce(signal: AbortSignal): AsyncGenerator<ServerSentEventInit> {
    this.started++;
    signal.addEventListener("abort", () => this.#wake());
    for (let i = 0; i < this.#count || this.#end === undefined; i++) {
      while (i >= this.#count && this.#end === undefined) {
        if (signal.aborted) return;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if (i < this.#count) yield { event: "token", data: textOf(i) };
    }
    if (this.#end === "failure") throw new Error("secret");
    yield { event: "done", data: "" };
  }
}

/** Ends a body behind the chunk with which so many bytes have come. */
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

/** Waits until the page shows so many events, and this status. */
async function shows(tab: Page, count: number, status: string): Promise<void> {
  await tab.waitForFunction(
    ([text, status]) =>
      document.querySelector("#text").textContent === text &&
      document.querySelector("#status").textContent.startsWith(status!),
    [textsOf(count).join(""), status],
  );
}

/** Follows an answer with the browser's EventSource, to where that gives up; gives what came. */
function follow(path: string): Promise<string[]> {
  return new Promise((resolve) => {
    const source = new EventSource(path);
    const seen: string[] = [];
    source.addEventListener("token", ({ data }) => seen.push(data));
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

Deno.test("The page of docs/resumable.md shows all of an answer, reloaded and cut off again and again", async () => {
  await using server = new Server();
  await using context = await browser.newContext();
  const tab = await context.newPage();
  server.give(5);
  await tab.goto(server.url);
  await shows(tab, 5, "");
  await tab.reload();
  await shows(tab, 5, "");
  server.give(12);
  await shows(tab, 12, "");
  server.give(20, "done");
  await shows(tab, 20, "done");
  await tab.reload();
  await shows(tab, 20, "done");
  assertEquals(server.started, 1);
  assert(server.statuses.length > 5);
  assertEquals(new Set(server.statuses), new Set([200]));
});

Deno.test("The browser's own EventSource is stopped by 204 when it has all of an answer", async () => {
  await using server = new Server();
  await using context = await browser.newContext();
  const tab = await context.newPage();
  server.give(20, "done");
  await tab.goto(server.url);
  await shows(tab, 20, "done");
  const path = new URL(tab.url()).hash.slice(1);
  assertEquals(await tab.evaluate(follow, path), textsOf(20));
  assertEquals(server.statuses.indexOf(204), server.statuses.length - 1);
});

Deno.test("The page of docs/resumable.md says how an answer has ended, and that there is none", async () => {
  await using server = new Server();
  await using context = await browser.newContext();
  const tab = await context.newPage();
  server.give(3);
  await tab.goto(server.url);
  await shows(tab, 3, "");
  await tab.getByRole("button", { name: "Stop" }).click();
  await shows(tab, 3, "stopped");
  await tab.reload();
  await shows(tab, 3, "stopped");

  server.give(4, "failure");
  await tab.goto("about:blank");
  await tab.goto(server.url);
  await shows(tab, 4, "failed");
  assertEquals(server.started, 2);

  await tab.goto("about:blank");
  await tab.goto(`${server.url}/#/answers/none`);
  await shows(tab, 0, "There is no such answer");
});
