import { decode } from "../../src/decode.ts";
import { Workerd } from "../../tests/support/workerd.ts";
import {
  age,
  compareRates,
  compareWays,
  type Effort,
  PADDING,
  stamped,
  type Way,
} from "./measure.ts";

/** Measures a channel in a Durable Object beside an object that forwards what it receives and stores nothing. */
export async function measureDurableObject(effort: Effort): Promise<void> {
  await using workerd = await Workerd.start({
    worker: "bench/log_latency/durable_object_worker.ts",
    classes: { BareObject: { sql: true }, ChannelObject: { sql: true } },
  });
  const [bare, channel] = [`${workerd.url}/bare`, `${workerd.url}/channel`];
  const controller = new AbortController();
  await compareWays({
    "bare object, over HTTP": await way(bare, controller.signal),
    "channel, over HTTP": await way(channel, controller.signal),
  }, effort);
  controller.abort();
  await compareRates(
    () => post(bare, PADDING),
    () => post(channel, PADDING),
    // Each publication is a request with its own commit to disk.
    { ...effort, publishes: effort.publishes / 5 },
  );
}

async function way(url: string, signal: AbortSignal): Promise<Way> {
  const delays: number[] = [];
  const events = decode(await fetch(url), { signal });
  async function read(): Promise<void> {
    for await (const { data } of events) delays.push(age(data));
  }
  read().catch((error) => {
    if (!signal.aborted) throw error;
  });
  return { publish: () => post(url, stamped()), delays };
}

async function post(url: string, body: string): Promise<void> {
  const response = await fetch(url, { method: "POST", body });
  await response.body!.cancel();
}
