// Prints the heap in MiB that a MemoryLog retains after many 1 MiB events, and after small ones. Run with --expose-gc.
import { MemoryLog } from "../../src/log/memory.ts";

declare const gc: () => void;

const log = new MemoryLog({ maxEvents: 100, maxBytes: 128 * 1024 * 1024 });

async function append(size: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await log.append([{ kind: "event", body: `${i}`.padEnd(size, "x") }]);
  }
}

function heap(): number {
  gc();
  return Math.round(Deno.memoryUsage().heapUsed / 1024 / 1024);
}

await append(1024 * 1024, 400);
const full = heap();
// 100 small events: the large ones exceed the retention now, although their memory has not been needed yet.
await append(10, 100);
console.log(JSON.stringify({ full, trimmed: heap() }));
