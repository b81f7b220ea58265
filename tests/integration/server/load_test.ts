import { assertEquals } from "@std/assert";
import { type Server, servers, stateOf } from "./server.ts";
import { until } from "../../support/until.ts";

const CLIENTS = 1000;
const EVENTS = 10_000;

/** Runs the clients in a process of their own, and publishes when all of them follow. */
async function load(server: Server): Promise<Record<string, number>> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-lock",
      "tests/integration/server/load.ts",
      `${server.url}/channel`,
      `${CLIENTS}`,
      `${EVENTS}`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  const reading = child.stdout.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (text) => void (output += text) }),
  );
  await until(() => output.includes("ready"));
  assertEquals((await stateOf(server)).subscribers, CLIENTS);
  const start = performance.now();
  const query = `count=${EVENTS}&batch=100`;
  await fetch(`${server.url}/publish?${query}`, { method: "POST" })
    .then((response) => response.text());
  const { success } = await child.status;
  await reading;
  if (!success) throw new Error(`The clients failed: ${output}`);
  const seconds = (performance.now() - start) / 1000;
  return { ...JSON.parse(output.split("\n")[1]!), seconds };
}

for (const [name, start] of Object.entries(servers)) {
  Deno.test(`Channel on ${name} gives ${EVENTS} events to ${CLIENTS} clients, every one to every one`, async () => {
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
    assertEquals(server.complaints, "");
  });
}
