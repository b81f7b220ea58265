/** examples/proxy/pipeline.ts on every runtime that a proxy runs on, between a model and a reader over real sockets. */
import { assert, assertEquals } from "@std/assert";
import { answerTo } from "../../examples/proxy/model.ts";
import { decode, type EventStream } from "../../mod.ts";
import { toolPath } from "../_tools.ts";
import { type RunningModel, startModel } from "./_model.ts";
import { serve, type Served } from "./_served.ts";
import { until } from "./_until.ts";
import { Workerd } from "./_workerd.ts";

const runtimes: Record<string, (model: RunningModel) => Promise<Served>> = {
  Deno: ({ completions }) =>
    serve({
      command: Deno.execPath(),
      args: ["run", "-A", "--quiet", "tests/integration/proxy/deno.ts"],
      env: { MODEL_URL: completions },
    }),
  Bun: async ({ completions }) =>
    await serve({
      command: await toolPath("bun"),
      args: ["tests/integration/proxy/bun.ts"],
      env: { MODEL_URL: completions },
    }),
  workerd: ({ url }) =>
    Workerd.start({
      worker: "tests/integration/proxy/worker.ts",
      servers: { MODEL: url },
      // Without it a Worker does not hear that its client has gone.
      flags: ["enable_request_signal"],
    }),
};

async function open(
  { url }: { url: string },
  query: Record<string, string>,
  signal?: AbortSignal,
): Promise<EventStream> {
  const response = await fetch(`${url}/?${new URLSearchParams(query)}`, {
    signal: signal ?? null,
  });
  return decode(response);
}

for (const [name, start] of Object.entries(runtimes)) {
  Deno.test(`A pipeline on ${name} gives a model's answer with events of its own`, async () => {
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

  Deno.test(`A pipeline on ${name} cancels the request to the model when its reader leaves`, async () => {
    await using model = await startModel();
    await using proxy = await start(model);
    // While the model writes, and while it says nothing.
    for (
      const query of [{ prompt: "long ".repeat(1000) }, {
        prompt: "",
        model: "thinker",
      }]
    ) {
      const aborter = new AbortController();
      const events = (await open(proxy, query, aborter.signal))
        [Symbol.asyncIterator]();
      for (let i = 0; i < 2; i++) await events.next();
      assertEquals(await model.running(), 1);
      aborter.abort();
      await until(async () => await model.running() === 0);
    }
  });

  Deno.test(`A pipeline on ${name} breaks off where the model does`, async () => {
    await using model = await startModel();
    await using proxy = await start(model);
    const events = await Array.fromAsync(
      await open(proxy, { prompt: "", model: "breaker" }),
      ({ event }) => event,
    );
    assertEquals(events, ["status", "delta"]);
  });
}
