import { assertEquals } from "@std/assert";
import { Workerd } from "../../support/workerd.ts";
import { typesOf } from "../ai_sdk/log_cases.ts";

function start(): Promise<Workerd> {
  return Workerd.start({
    worker: "tests/integration/ai_sdk/worker.ts",
    classes: { Answer: { sql: true } },
  });
}

/** Reads until a matching part arrives. */
async function until(
  types: AsyncIterator<string>,
  type: string,
): Promise<void> {
  for (;;) {
    const { value, done } = await types.next();
    if (done) throw new Error(`The response ended before ${type}`);
    if (value === type) return;
  }
}

/** The parts up to the end, but for those that tick. */
async function endOf(types: AsyncIterable<string>): Promise<string[]> {
  const all = await Array.fromAsync(types);
  return all.filter((type) => type !== "data-tick");
}

Deno.test("uiMessageStream() in a Durable Object is resumed and stopped from another isolate, and then has ended", async () => {
  await using workerd = await start();
  const [url, twin] = [`${workerd.url}/1`, `${workerd.twinUrl}/1`];
  const own = typesOf(await fetch(url, { method: "POST" }));
  await until(own, "data-tick");
  const resumed = typesOf(await fetch(twin));
  await until(resumed, "start");
  await until(resumed, "data-tick");
  assertEquals((await fetch(twin, { method: "DELETE" })).status, 204);
  for (const types of [own, resumed]) {
    assertEquals(await endOf(types), ["abort", "[DONE]"]);
  }
  assertEquals((await fetch(url)).status, 204);
  assertEquals((await fetch(`${workerd.url}/2`)).status, 204);
});

Deno.test("uiMessageStream() in a Durable Object ends with an error part when workerd was killed", async () => {
  await using workerd = await start();
  const url = `${workerd.url}/1`;
  const own = typesOf(await fetch(url, { method: "POST" }));
  await until(own, "data-tick");
  await workerd.kill();
  await endOf(own).catch(() => {});
  await workerd.restart();
  const types = typesOf(await fetch(url));
  assertEquals(await endOf(types), ["start", "error", "[DONE]"]);
  assertEquals((await fetch(url)).status, 204);
});
