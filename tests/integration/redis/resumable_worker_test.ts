/** resumable() in a Worker without Durable Objects, where `waitUntil` keeps a producer alive without a reader. */
import { assertEquals } from "@std/assert";
import { decode, type ServerSentEvent } from "../../../mod.ts";
import { RedisServer } from "./redis.ts";
import { startRestBridge } from "./redis_clients.ts";
import { datasOf } from "../resumable/resumable.ts";
import { textsOf } from "../resumable/produce.ts";
import { Workerd } from "../../support/workerd.ts";

class Setup {
  readonly #stack: AsyncDisposableStack;
  readonly #urls: [string, string];
  readonly #query: string;

  private constructor(
    stack: AsyncDisposableStack,
    { url, twinUrl }: Workerd,
    token: string,
    count: number,
  ) {
    this.#stack = stack;
    this.#urls = [url, twinUrl];
    const order = JSON.stringify({ count, pause: 25 });
    const query = { token, order };
    this.#query = String(new URLSearchParams(query));
  }

  static async start(count: number): Promise<Setup> {
    const stack = new AsyncDisposableStack();
    const server = stack.use(await RedisServer.start());
    const bridge = stack.use(await startRestBridge(server.port));
    const workerd = stack.use(
      await Workerd.start({
        worker: "tests/integration/resumable/plain_worker.ts",
        servers: { REDIS: String(bridge.url) },
        flags: ["enable_request_signal"],
      }),
    );
    return new Setup(stack, workerd, bridge.token, count);
  }

  fetch(isolate: 0 | 1, name: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.#urls[isolate]}/${name}?${this.#query}`, init);
  }

  async read(isolate: 0 | 1, name: string): Promise<ServerSentEvent[]> {
    return await Array.fromAsync(decode(await this.fetch(isolate, name)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

Deno.test("resumable() in a Worker continues when the reader that started it has disconnected", async () => {
  await using setup = await Setup.start(40);
  const events = decode(await setup.fetch(0, "left"))[Symbol.asyncIterator]();
  const { value: first } = await events.next();
  await events.return!();
  assertEquals(first!.data, textsOf(1)[0]);
  const [here, there] = await Promise.all([
    setup.read(0, "left"),
    setup.read(1, "left"),
  ]);
  assertEquals(datasOf(here), textsOf(40));
  assertEquals(there, here);
});

Deno.test("resumable() in a Worker continues when a request without a stream has started it", async () => {
  await using setup = await Setup.start(40);
  const { status } = await setup.fetch(0, "asked", { method: "POST" });
  assertEquals(status, 204);
  assertEquals(datasOf(await setup.read(1, "asked")), textsOf(40));
  const headers = {
    "last-event-id": (await setup.read(0, "asked")).at(-1)!.id,
  };
  assertEquals((await setup.fetch(1, "asked", { headers })).status, 204);
});

Deno.test("resumable() in a Worker is stopped by a request to another isolate", async () => {
  await using setup = await Setup.start(100_000);
  const events = decode(await setup.fetch(0, "stopped"))
    [Symbol.asyncIterator]();
  for (let i = 0; i < 3; i++) await events.next();
  await setup.fetch(1, "stopped", { method: "DELETE" });
  let count = 3;
  while (!(await events.next()).done) count++;
  assertEquals(datasOf(await setup.read(1, "stopped")), textsOf(count));
});
