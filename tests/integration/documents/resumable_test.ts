/** The programs that docs/resumable.md prints; its first server and its page are in tests/integration/resumable/page_test.ts. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { decode, EventStreamError } from "../../../mod.ts";
import type { Resumable } from "../../../src/server/mod.ts";
import {
  type HandlerModule,
  importProgram,
  serveHandler,
} from "../../support/program.ts";
import { App } from "../../support/app.ts";
import { readSection } from "../../support/section.ts";
import { bundle } from "../../support/served.ts";
import { type Answer, endless, stream } from "../../support/sse_server.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";

const page = "docs/resumable.md";
const url = "https://example.com/answers";

function load<T>(
  heading: string,
  file = "server.ts",
  replacements: Record<string, string> = {},
): Promise<T> {
  return importProgram(page, heading, file, replacements);
}

async function eventsOf(
  response: Response | Promise<Response>,
): Promise<{ event: string; data: string; id: string }[]> {
  return await Array.fromAsync(decode(await response));
}

async function datasOf(
  response: Response | Promise<Response>,
): Promise<string[]> {
  return (await eventsOf(response)).map(({ data }) => data);
}

/** Asks the first server of the page, whose model answers like this, and reads the answer with the client of the page. */
async function readWith(answer: Answer, isStopped = false): Promise<string> {
  await using model = serveHandler(answer);
  Deno.env.set("API_URL", model.url);
  const heading = "A model's answer";
  const { handler } = await load<HandlerModule>(heading, "server.ts", {
    "setTimeout(() => answers.delete(location), 600_000);": "",
    "failureEvent:": "retry: 1, failureEvent:",
  });
  Deno.env.delete("API_URL");
  const { read } = await load<{ read(url: string): Promise<string> }>(
    heading,
    "client.ts",
  );
  await using server = serveHandler(handler);
  const taken = await handler(new Request(url, { method: "POST", body: "Hi" }));
  const path = taken.headers.get("location")!;
  if (isStopped) {
    await handler(new Request(new URL(path, url), { method: "DELETE" }));
  }
  return await read(server.url + path);
}

function chunk(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

const chunks = ["To", " be"].map((content) =>
  chunk({ choices: [{ delta: { content } }] })
).join("");
const done = "data: [DONE]\n\n";

function finish(finish_reason: string): string {
  return chunk({ choices: [{ delta: {}, finish_reason }] });
}

/** Runs a function; returns what it passed to `console.error()`, as text. */
async function errorsOf(run: () => Promise<unknown>): Promise<string[]> {
  const errors: string[] = [];
  const { error } = console;
  console.error = (reason) => void errors.push(String(reason));
  try {
    await run();
  } finally {
    console.error = error;
  }
  return errors;
}

Deno.test("The client of docs/resumable.md reads a whole answer from its server", async () => {
  const answer = stream(chunks + finish("stop") + done);
  assertEquals(await readWith(answer), "To be");
});

const failed: [what: string, rest: string, error: string][] = [
  ["ends without its marker", "", "before the event that until names"],
  ["is cut short", finish("length") + done, '"length"'],
  [
    "ends with an error",
    chunk({ error: { message: "Overloaded" } }) + done,
    "Overloaded",
  ],
];
for (const [what, rest, error] of failed) {
  Deno.test(`The client of docs/resumable.md rejects when the model's answer ${what}, and the server reports why`, async () => {
    const errors = await errorsOf(async () => {
      const read = () => readWith(stream(chunks + rest));
      const { code } = await assertRejects(read, EventStreamError);
      assertEquals(code, "truncated");
    });
    assertEquals(errors.length, 1);
    assertStringIncludes(errors[0]!, error);
  });
}

Deno.test("The client of docs/resumable.md rejects when the answer was stopped", async () => {
  const read = () => readWith(endless(chunks), true);
  const { code } = await assertRejects(read, EventStreamError);
  assertEquals(code, "truncated");
});

Deno.test("The server of docs/resumable.md drops an answer some time after its end", async () => {
  await using model = serveHandler(stream("data: [DONE]\n\n"));
  Deno.env.set("API_URL", model.url);
  const heading = "A model's answer";
  const { handler } = await load<HandlerModule>(heading, "server.ts", {
    "600_000": "1",
  });
  Deno.env.delete("API_URL");
  const taken = await handler(new Request(url, { method: "POST", body: "Hi" }));
  const answer = new URL(taken.headers.get("location")!, url);
  await until(async () => {
    const { status, body } = await handler(new Request(answer));
    await body?.cancel();
    return status === 404;
  });
});

Deno.test("The producer of docs/resumable.md requests a model's answer once for all clients", async () => {
  let requests = 0;
  await using model = serveHandler((request) => {
    requests++;
    return stream('data: {"delta":"Hi"}\n\ndata: [DONE]\n\n')(request);
  });
  const { handler } = await load<HandlerModule>("The producer", "server.ts", {
    "https://api.example.com": model.url,
  });
  const answers = [1, 2].map(() => datasOf(handler(new Request(url))));
  for (const datas of await Promise.all(answers)) {
    assertEquals(datas, ['{"delta":"Hi"}', ""]);
  }
  assertEquals(requests, 1);
});

Deno.test("The failure of docs/resumable.md reaches each client without the error's text", async () => {
  await using model = serveHandler(() => new Response("No", { status: 429 }));
  const heading = "When the producer fails";
  const { handler } = await load<HandlerModule>(heading, "server.ts", {
    "https://api.example.com": model.url,
  });
  const errors = await errorsOf(async () => {
    for (let client = 0; client < 2; client++) {
      const datas = await datasOf(handler(new Request(url)));
      assertEquals(datas, ["Try again in a minute"]);
    }
  });
  assertEquals(errors.length, 1);
  assertStringIncludes(errors[0]!, "429");
});

/** The server of "Choose a log", which any number of processes can run on one file. */
class FileServer implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<FileServer> {
    const folder = await Deno.makeTempDir({ prefix: "choose_a_log_" });
    const { files } = await readSection(page, "Choose a log");
    await Deno.writeTextFile(`${folder}/server.ts`, files["server.ts"]!);
    return new FileServer(folder);
  }

  start(): Promise<App> {
    const config = ["--no-lock", "--config", `${Deno.cwd()}/deno.json`];
    const address = ["--host", "localhost", "--port", "$PORT"];
    const args = ["serve", "-A", ...config, ...address, "server.ts"];
    return App.start(this.#folder, [Deno.execPath(), ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Sends a prompt; returns the path of the answer, or the status if it was refused. */
async function post(
  { url }: App,
  prompt: string,
  key?: string,
): Promise<string | number> {
  const headers = key === undefined ? {} : { "idempotency-key": key };
  const init = { method: "POST", headers, body: prompt };
  const response = await fetch(`${url}/answers`, init);
  await response.body?.cancel();
  return response.headers.get("location") ?? response.status;
}

async function statusOf(url: string, method: string): Promise<number> {
  const response = await fetch(url, { method });
  await response.body?.cancel();
  return response.status;
}

Deno.test("The server of docs/resumable.md with a file answers a repeated POST with the first answer, in any process and after a restart, and responds 404 to others", async () => {
  await using server = await FileServer.make();
  const path = "/answers/key-1";
  const answer = ['"To"', '" be"', ""];
  {
    await using first = await server.start();
    await using second = await server.start();
    assertEquals(await post(first, "To be", "key-1"), path);
    assertEquals(await post(second, "Or not", "key-1"), path);
    assertEquals(await datasOf(fetch(second.url + path)), answer);
  }
  await using third = await server.start();
  assertEquals(await post(third, "Or not", "key-1"), path);
  assertEquals(await datasOf(fetch(third.url + path)), answer);
  const other = await post(third, "Or not") as string;
  assertEquals(await datasOf(fetch(third.url + other)), [
    '"Or"',
    '" not"',
    "",
  ]);
  for (const path of ["/answers/none", "/answers/a.b", "/answers/", "/"]) {
    for (const method of ["GET", "DELETE"]) {
      assertEquals(await statusOf(third.url + path, method), 404);
    }
  }
  assertEquals(await post(third, "To be", "a/b"), 404);
});

Deno.test("The server of docs/resumable.md with a file stops an answer of another process, and fails its answers at SIGTERM", async () => {
  await using server = await FileServer.make();
  await using first = await server.start();
  await using second = await server.start();
  const last: string[] = [];
  for (const end of ["stopped", "failed"]) {
    const path = await post(first, "word ".repeat(1000), end) as string;
    const stop = async () => {
      if (end === "failed") return first.signal("SIGTERM");
      assertEquals(await statusOf(second.url + path, "DELETE"), 204);
    };
    let isFirst = true;
    for await (const { event } of decode(await fetch(second.url + path))) {
      if (isFirst) await stop();
      isFirst = false;
      if (event !== "token") last.push(event);
    }
  }
  assertEquals(last, ["stopped", "failed"]);
  assertEquals((await first.status).code, 0, first.output);
  // The second process would report it if the lease had expired.
  assertEquals(second.stderr.includes("did not write"), false, second.stderr);
});

Deno.test("The worker of docs/resumable.md waits until its producer has ended", async () => {
  const { answer } = await load<{
    answer(context: { waitUntil(promise: Promise<unknown>): void }): Resumable;
  }>("Serverless platforms", "worker.ts");
  const waited: Promise<unknown>[] = [];
  const stream = answer({ waitUntil: (promise) => void waited.push(promise) });
  await stream.start();
  await Promise.all(waited);
  assertEquals(await stream.done, "ended");
});

Deno.test("The Durable Object of docs/resumable.md answers in workerd, and again after a kill", async () => {
  const folder = await Deno.makeTempDir();
  const { files } = await readSection(page, "Serverless platforms");
  await Deno.writeTextFile(`${folder}/answer.ts`, files["answer.ts"]!);
  await Deno.writeTextFile(
    `${folder}/worker.ts`,
    `export { Answer } from "./answer.ts";
    export default {
      fetch: (request, env) => env.Answer.get(env.Answer.idFromName("1")).fetch(request),
    };`,
  );
  const source = await bundle(`${folder}/worker.ts`);
  await Deno.remove(folder, { recursive: true });
  await using workerd = await Workerd.start({
    worker: { source },
    classes: { Answer: { sql: true } },
  });
  assertEquals(await statusOf(workerd.url, "GET"), 404);
  for (const body of ["To be", "Or not"]) {
    await (await fetch(workerd.url, { method: "POST", body })).body?.cancel();
    assertEquals(await datasOf(fetch(workerd.url)), ["To be", ""]);
  }
  await workerd.kill();
  await workerd.restart();
  assertEquals(await datasOf(fetch(workerd.url)), ["To be", ""]);
});
