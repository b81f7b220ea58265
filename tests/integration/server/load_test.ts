import { assertEquals } from "@std/assert";
import type { Served } from "../../support/served.ts";
import { servers, stateOf } from "./server.ts";
import { startDeno } from "../../../tools/process.ts";
import { until } from "../../support/until.ts";

const CLIENTS = 1000;
const EVENTS = 10_000;

/** Runs the clients in a separate process, and publishes when all of them are connected. */
async function load(server: Served): Promise<Record<string, number>> {
  await using process = startDeno("tests/integration/server/load.ts", [
    `${server.url}/channel`,
    CLIENTS,
    EVENTS,
  ]);
  await process.until(/ready/);
  assertEquals((await stateOf(server)).subscribers, CLIENTS);
  const start = performance.now();
  const query = `count=${EVENTS}&batch=100`;
  await fetch(`${server.url}/publish?${query}`, { method: "POST" })
    .then((response) => response.text());
  const code = await process.ended;
  if (code !== 0) throw new Error(`The clients failed: ${process.stdout}`);
  const seconds = (performance.now() - start) / 1000;
  return { ...JSON.parse(process.stdout.split("\n")[1]!), seconds };
}

for (const [name, start] of Object.entries(servers)) {
  Deno.test(`Channel on ${name} delivers each of ${EVENTS} events to each of ${CLIENTS} clients`, async () => {
    await using server = await start();
    const { deliveries, bytes, chunks, seconds } = await load(server);
    const { memory } = await stateOf(server);
    console.log(
      `${name}: ${deliveries} deliveries in ${seconds!.toFixed(1)} s, ${
        Math.round(bytes! / 1e6)
      } MB in ${chunks} chunks, ${Math.round(memory / 1024 / 1024)} MiB`,
    );
    assertEquals(deliveries, CLIENTS * (EVENTS + 1));
    await until(async () => (await stateOf(server)).subscribers === 0);
    assertEquals(server.stderr, "");
  });
}
