import { assertEquals } from "@std/assert";
import { check, SHORT } from "../reliability/leaks/check.ts";
import {
  failing,
  type Holdings,
  measure,
  scenarios,
} from "../reliability/leaks/measure.ts";
import { runtimes } from "../support/served.ts";

const CYCLES = 600;
const SAMPLES = 12;

/** The names of the values that grow. */
function growing(holdings: Holdings): string[] {
  return check(holdings, SHORT).filter(({ isFlat }) => !isFlat)
    .map(({ name }) => name);
}

/** Runs the scenarios and returns what grows in each. */
async function findGrowth(
  runtime: string,
  scenarios: readonly string[],
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  const job = { cycles: CYCLES, samples: SAMPLES, scenarios };
  for await (const [scenario, holdings] of measure(runtime, job)) {
    found[scenario] = growing(holdings);
    if (found[scenario].length > 0 && !scenario.includes("+")) {
      console.log(`${runtime}, ${scenario}: ${JSON.stringify(holdings)}`);
    }
  }
  return found;
}

Deno.test("check() reports growth by one object or one big object per cycle despite noise, and nothing else", () => {
  const holdings = (perCycle: Record<string, number>): Holdings =>
    Array.from({ length: SAMPLES }, (_, index) => {
      const cycles = (index + 1) * CYCLES / SAMPLES;
      // A garbage collector's noise, and one wild sample.
      const noise = (index * 7919 % 13) * 20_000 + (index === 5 ? 8e6 : 0);
      const { heap = 0, timers = 0, descriptors = 0 } = perCycle;
      return [cycles, {
        heap: 9e6 + noise + cycles * heap,
        timers: 2 + index % 3 + cycles * timers,
        descriptors: 30 - index % 4 + cycles * descriptors,
      }];
    });
  assertEquals(growing(holdings({})), []);
  assertEquals(growing(holdings({ heap: 16_000 })), ["heap"]);
  assertEquals(growing(holdings({ timers: 1 })), ["timers"]);
  assertEquals(growing(holdings({ timers: 0.1, descriptors: 1 })), [
    "timers",
    "descriptors",
  ]);
});

Deno.test("check() finds every deliberate leak of a cycle", async () => {
  const leaks = ["heap", "objects", "timers", "listeners", "descriptors"];
  const names = leaks.map((leak) => `subscribe()+${leak}`);
  const found = await findGrowth("Deno", names);
  for (const [index, leak] of leaks.entries()) {
    assertEquals(found[names[index]!], [leak]);
  }
});

for (const runtime of runtimes) {
  Deno.test(`${CYCLES} connections of each kind leak nothing on ${runtime}, also if they are refused or aborted`, async () => {
    const all = [...scenarios, ...failing];
    const found = await findGrowth(runtime, all);
    assertEquals(found, Object.fromEntries(all.map((name) => [name, []])));
  });
}
