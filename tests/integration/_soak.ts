import { assert, assertEquals, assertGreater } from "@std/assert";
import { cutsOf, isFlawless } from "../reliability/soak/report.ts";
import { soak } from "../reliability/soak/soak.ts";

/** The short form of the `soak` task on one log. */
export async function checkSoak(log: string): Promise<void> {
  const report = await soak({ log, seed: 20261122, clients: 40, events: 125 });
  const { complaints, deliveries, lost, doubled, outOfOrder, cuts, places } =
    report;
  assert(isFlawless(report), complaints.join("\n"));
  assertEquals(
    { deliveries, lost, doubled, outOfOrder },
    { deliveries: 5000, lost: 0, doubled: 0, outOfOrder: 0 },
  );
  assertGreater(cutsOf(report), 100);
  for (const count of Object.values({ ...cuts, ...places })) {
    assertGreater(count, 0);
  }
}
