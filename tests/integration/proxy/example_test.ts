/** examples/proxy/answers.ts in real use: a model, two processes that share a file, readers that come and go. */
import { assert, assertEquals } from "@std/assert";
import { answerTo } from "../../../examples/proxy/model.ts";
import { connect, decode, type ServerSentEvent } from "../../../mod.ts";
import { serveExample } from "../../support/example.ts";
import { type RunningModel, startModel } from "../resumable/model.ts";
import type { Served } from "../../support/served.ts";
import { until } from "../../support/until.ts";
import { type Process, startDeno } from "../../../tools/process.ts";

/** A model, two proxies in front of it, and a folder for files. */
class Setup implements AsyncDisposable {
  readonly model: RunningModel;
  readonly proxies: [Served, Served];
  readonly folder: string;

  private constructor(
    model: RunningModel,
    proxies: [Served, Served],
    folder: string,
  ) {
    this.model = model;
    this.proxies = proxies;
    this.folder = folder;
  }

  static async start(modelName = ""): Promise<Setup> {
    const folder = await Deno.makeTempDir({ prefix: "proxy_" });
    const model = await startModel();
    const env = {
      MODEL_URL: model.completions,
      MODEL_NAME: modelName,
      PROXY_KV: `${folder}/kv`,
    };
    const proxies = [
      await serveExample("proxy/answers.ts", env),
      await serveExample("proxy/answers.ts", env),
    ] as [Served, Served];
    return new Setup(model, proxies, folder);
  }

  /** Sends a prompt to the first proxy; returns the path of its answer at both. */
  async prompt(text: string): Promise<[string, string]> {
    const response = await fetch(`${this.proxies[0].url}/answers`, {
      method: "POST",
      body: text,
    });
    assertEquals(response.status, 201);
    const path = await response.text();
    assertEquals(response.headers.get("location"), path);
    return this.proxies.map(({ url }) => url + path) as [string, string];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const served of [...this.proxies, this.model]) await served.kill();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Starts the reader of the example. */
function startReader(url: string, path: string): Process {
  const options = { stderr: "piped" } as const;
  return startDeno("examples/proxy/read.ts", [url, path], options);
}

/** Reads an answer to its last event. Returns the text and the name of that event. */
async function readAll(url: string): Promise<[text: string, end: string]> {
  let text = "";
  const until = ({ event }: ServerSentEvent) => event !== "delta";
  for await (const { event, data } of connect(url, { until })) {
    if (event !== "delta") return [text, event];
    text += JSON.parse(data);
  }
  throw new Error("It ended without a last event");
}

/** Reads one event, and leaves. */
async function readFirst(url: string): Promise<void> {
  for await (const _ of decode(await fetch(url))) break;
}

Deno.test("The proxy's reader resumes after its last event, however often the proxy is killed", async () => {
  await using setup = await Setup.start();
  const prompt = "Grüße, 世界 👋🏽 ".repeat(60);
  const urls = await setup.prompt(prompt);
  const path = `${setup.folder}/answer.json`;
  const sizeOf = async (): Promise<number> =>
    JSON.parse(await Deno.readTextFile(path).catch(() => '{"text":""}')).text
      .length;
  const all = answerTo(prompt).length;
  let cuts = 0;
  for (let life = 0; life < 3; life++) {
    const goal = Math.min(await sizeOf() + 30, all);
    await using reader = startReader(urls[life % 2]!, path);
    await until(async () => await sizeOf() >= goal);
    await reader.kill();
    if (await sizeOf() < all) cuts++;
  }
  assert(cuts > 0, "No reader was killed before the end");
  await using reader = startReader(urls[0], path);
  assertEquals(await reader.ended, 0, reader.stderr);
  assertEquals(reader.stdout, `${answerTo(prompt)}\n`);
  assertEquals(await setup.model.running(), 0);
  // Any reader can get the answer, and it was requested once.
  assertEquals(await Promise.all(urls.map(readAll)), [
    [answerTo(prompt), "done"],
    [answerTo(prompt), "done"],
  ]);
});

Deno.test("The proxy requests the model once, however many readers an answer has, and continues without readers", async () => {
  await using setup = await Setup.start();
  const prompt = "x".repeat(600);
  const urls = await setup.prompt(prompt);
  await Promise.all(urls.map(readFirst));
  assertEquals(await setup.model.running(), 1);
  await until(async () => await setup.model.running() === 0);
  assertEquals(await Promise.all(urls.map(readAll)), [
    [answerTo(prompt), "done"],
    [answerTo(prompt), "done"],
  ]);
});

Deno.test("The proxy stops the model when an answer is deleted, in any process", async () => {
  await using setup = await Setup.start("thinker");
  const [here, there] = await setup.prompt("Hi");
  const reading = readAll(here);
  await readFirst(there);
  assertEquals(await setup.model.running(), 1);
  assertEquals((await fetch(there, { method: "DELETE" })).status, 204);
  await until(async () => await setup.model.running() === 0);
  assertEquals(await reading, [answerTo("Hi").slice(0, 3), "stopped"]);
});

for (
  const [model, what] of [
    ["breaker", "stream breaks"],
    ["limited", "answer reaches its token limit"],
  ] as const
) {
  Deno.test(`The proxy sends its readers a last event when the model's ${what}`, async () => {
    await using setup = await Setup.start(model);
    const [here] = await setup.prompt("Hi");
    const events = await Array.fromAsync(
      connect(here),
      ({ event, data }) => [event, data],
    );
    assertEquals(events, [
      ["delta", JSON.stringify(answerTo("Hi").slice(0, 3))],
      ["failed", "The answer is incomplete"],
    ]);
  });
}

Deno.test("The proxy responds 404 for an answer that was not requested", async () => {
  await using setup = await Setup.start();
  const { url } = setup.proxies[0];
  for (const path of ["/", "/answers", "/answers/", "/answers/nobody"]) {
    const response = await fetch(url + path);
    await response.body?.cancel();
    assertEquals(response.status, 404);
  }
});
