import { assertEquals } from "@std/assert";
import { FaultProxy, type Plan } from "../../support/fault_proxy.ts";
import { servers, startKinds, stateOf } from "./server.ts";
import { Socket } from "../../support/socket.ts";
import { until } from "../../support/until.ts";

/** Forwards the start of a connection; then neither end receives anything from the other. */
const plan: Plan = {
  piece: 65536,
  pause: 0,
  cut: { direction: "response", after: 20, fault: "half-open" },
};

/** More than the runtime and the kernel buffer for a client that does not read. */
const BYTES = 16 * 1024 * 1024;

const starts: Record<string, () => Promise<{ url: string } & AsyncDisposable>> =
  { ...servers, "workerd, in a Durable Object,": startKinds };

function portOf({ url }: { url: string }): number {
  return Number(new URL(url).port);
}

for (const [name, start] of Object.entries(starts)) {
  Deno.test(`Channel on ${name} removes clients that have vanished at its maxConnectionAge, idle or during a write`, async () => {
    await using server = await start();
    const url = `${server.url}/follow/mortal`;
    await using proxy = await FaultProxy.start([portOf(server)], () => plan);
    // The response has begun, so its client is a subscriber.
    const hasVanished = (count: number) => () => proxy.held === count;
    const isRemoved = async () => {
      const { followers } = await stateOf(server);
      return followers.mortal === 0;
    };
    using _idle = await Socket.open(`${proxy.url}/follow/mortal`);
    await until(hasVanished(1));
    await until(isRemoved);

    using _written = await Socket.open(`${proxy.url}/follow/mortal`);
    await until(hasVanished(2));
    const body = "x".repeat(256 * 1024);
    for (let sent = 0; sent < BYTES; sent += body.length) {
      await (await fetch(url, { method: "POST", body })).text();
    }
    await until(isRemoved);
    // The server was not notified.
    assertEquals(proxy.held, 2);
  });
}
