import type { Times } from "../_race.ts";
import type { Row } from "../_row.ts";
import { median } from "../_numbers.ts";
import { bundleScript, type Runtime, start } from "../_runtimes.ts";

/** The duration of the whole stream for each client, in milliseconds, in the order of the rounds. */
export interface ClientResult {
  readonly runtime: Runtime;
  readonly events: number;
  readonly times: Times;
}

/** How much to measure. */
export interface ClientEffort {
  readonly rounds: number;
  readonly events: number;
}

/** The approximate size of a chunk, in bytes. */
const CHUNK_SIZE = 16_384;

/** Lets the clients of every runtime read from one server. */
export async function raceClients(
  folder: string,
  runtimes: readonly Runtime[],
  { rounds, events }: ClientEffort,
): Promise<ClientResult[]> {
  const bundle = await bundleScript(folder, "clients/client.ts");
  const chunks = chunksOf(events);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response(bodyOf(chunks), {
        headers: { "content-type": "text/event-stream" },
      }),
  );
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const results: ClientResult[] = [];
  for (const runtime of runtimes) {
    await using client = await start(runtime, bundle, url, events, rounds);
    results.push({ runtime, events, times: JSON.parse(await client.line()) });
  }
  await server.shutdown();
  return results;
}

function chunksOf(events: number): Uint8Array<ArrayBuffer>[] {
  const encoder = new TextEncoder();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let text = "";
  for (let index = 0; index < events; index++) {
    text += `id: ${index}\ndata: ${index} ${"x".repeat(100)}\n\n`;
    if (text.length < CHUNK_SIZE) continue;
    chunks.push(encoder.encode(text));
    text = "";
  }
  return [...chunks, encoder.encode(text)];
}

/** A stream that stays open after its events, so that no client takes its end for a failure. */
function bodyOf(
  chunks: readonly Uint8Array<ArrayBuffer>[],
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[next++];
      if (chunk === undefined) return new Promise(() => {});
      controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
}

/** Compares this package's client with each peer. */
export function clientRows(results: readonly ClientResult[]): Row[] {
  return results.flatMap(({ runtime, times }) =>
    ["EventSource", "connect()"].flatMap((own) =>
      ["eventsource", "the runtime's own"].flatMap((peer) => {
        const others = times[peer];
        if (others === undefined) return [];
        return [{
          topic: "Client",
          name: `${runtime}: events in a second: ${own} / ${peer}`,
          ratios: others.map((time, round) => time / times[own]![round]!),
        }];
      })
    )
  );
}

/** Shows the raw results. */
export function showClients(results: readonly ClientResult[]): string {
  const lines = results.map(({ runtime, events, times }) => {
    const cells = Object.entries(times).map(([name, all]) =>
      `${name} ${(events / median(all)).toFixed(0)}k`
    );
    return `  ${runtime}: ${cells.join(", ")} events/s`;
  });
  return ["\nClient, one connection", ...lines].join("\n");
}
