/** examples/proxy/pipeline.ts on every runtime that a proxy runs on, between a model and a reader over real sockets. */
import { assert, assertEquals } from "@std/assert";
import { answerTo } from "../../../examples/proxy/model.ts";
import { decode, type EventStream } from "../../../mod.ts";
import { type RunningModel, startModel } from "../resumable/model.ts";
import {
  type Runtime,
  serve,
  type Served,
  startOn,
} from "../../support/served.ts";
import { until } from "../../support/until.ts";
import { Workerd } from "../../support/workerd.ts";

type Upstream = Pick<RunningModel, "url" | "completions">;

async function startProxy(
  runtime: Runtime,
  { completions }: Upstream,
): Promise<Served> {
  const server = "tests/integration/proxy/server.ts";
  return await serve(await startOn(runtime, server, [completions]));
}

const runtimes: Record<
  string,
  (model: Upstream) => Promise<{ url: string } & AsyncDisposable>
> = {
  Deno: (model) => startProxy("Deno", model),
  Bun: (model) => startProxy("Bun", model),
  workerd: ({ url }) =>
    Workerd.start({
      worker: "tests/integration/proxy/worker.ts",
      servers: { MODEL: url },
      // Without this flag, the signal of a request does not abort when its client disconnects.
      flags: ["enable_request_signal"],
    }),
};

/** A model that has an event of 64 KiB ready whenever it is asked for one, for ever. */
class EagerModel implements Upstream, AsyncDisposable {
  /** How many events were taken from it. */
  taken = 0;
  isCancelled = false;
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => this.#answer(),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  get completions(): string {
    return `${this.url}/v1/chat/completions`;
  }

  /** Waits until no chunk has been read for a while. */
  async resting(): Promise<void> {
    let taken = this.taken;
    let looks = 0;
    await until(() => {
      looks = taken === this.taken ? looks + 1 : 0;
      taken = this.taken;
      return looks === 50;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #answer(): Response {
    const content = "x".repeat(64 * 1024);
    const chunk = { choices: [{ delta: { content }, finish_reason: null }] };
    const frame = new TextEncoder().encode(
      `data: ${JSON.stringify(chunk)}\n\n`,
    );
    const body = new ReadableStream({
      pull: (controller) => {
        this.taken++;
        controller.enqueue(frame);
      },
      cancel: () => void (this.isCancelled = true),
    }, { highWaterMark: 0 });
    const headers = { "content-type": "text/event-stream" };
    return new Response(body, { headers });
  }
}

async function open(
  { url }: { url: string },
  query: Record<string, string>,
): Promise<EventStream> {
  return decode(await fetch(`${url}/?${new URLSearchParams(query)}`));
}

for (const [name, start] of Object.entries(runtimes)) {
  Deno.test(`A pipeline on ${name} sends a model's answer with additional events`, async () => {
    await using model = await startModel();
    await using proxy = await start(model);
    const events = await Array.fromAsync(
      await open(proxy, { prompt: "Grüße, 世界 👋🏽" }),
    );
    const text = answerTo("Grüße, 世界 👋🏽");
    assertEquals(events.at(0)!.data, "asked");
    assertEquals(events.at(-1)!.data, `said ${text.length} characters`);
    const deltas = events.slice(1, -1);
    assert(deltas.every(({ event }) => event === "delta"));
    assertEquals(deltas.map(({ data }) => JSON.parse(data)).join(""), text);
    assertEquals(await model.running(), 0);
  });

  Deno.test(`A pipeline on ${name} cancels the request to the model when its reader disconnects`, async () => {
    await using model = await startModel();
    await using proxy = await start(model);
    // While the model writes, and while it is silent.
    for (
      const query of [{ prompt: "long ".repeat(1000) }, {
        prompt: "",
        model: "thinker",
      }]
    ) {
      const events = (await open(proxy, query))[Symbol.asyncIterator]();
      for (let i = 0; i < 2; i++) await events.next();
      assertEquals(await model.running(), 1);
      await events.return!();
      await until(async () => await model.running() === 0);
    }
  });

  Deno.test(`A pipeline on ${name} reads no more from the model than its reader takes`, async () => {
    await using model = new EagerModel();
    await using proxy = await start(model);
    const events = (await open(proxy, { prompt: "" }))[Symbol.asyncIterator]();
    await events.next();
    // Until every buffer in between is full: runtimes and sockets hold some megabytes.
    await model.resting();
    const { taken } = model;
    assert(taken < 1024, String(taken));
    for (let i = 0; i < taken + 100; i++) await events.next();
    assert(model.taken > taken);
    await model.resting();
    assertEquals(model.isCancelled, false);
    await events.return!();
    await until(() => model.isCancelled);
  });

  Deno.test(`A pipeline on ${name} fails where the model's stream breaks`, async () => {
    await using model = await startModel();
    await using proxy = await start(model);
    const events = await Array.fromAsync(
      await open(proxy, { prompt: "", model: "breaker" }),
      ({ event }) => event,
    );
    assertEquals(events, ["status", "delta"]);
  });
}
