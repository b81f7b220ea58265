import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  cutsOf,
  isFlawless,
  type Report,
} from "../../reliability/soak/report.ts";
import { soak } from "../../reliability/soak/soak.ts";

const CLIENTS = 20;
const EVENTS = 160;

/** The short form of the `soak` task on one log: both ways at once, for they wait more than they work. */
export async function checkSoak(log: string): Promise<void> {
  const options = {
    log,
    seed: 20261122,
    clients: CLIENTS,
    events: EVENTS,
    idleTimeout: 3000,
  };
  const [all, few] = await Promise.all([
    soak({ ...options, kept: "all" }),
    soak({ ...options, kept: "few" }),
  ]) as [Report, Report];
  for (const report of [all, few]) {
    assert(isFlawless(report), report.complaints.join("\n"));
  }
  assertGreater(cutsOf(all), 100);
  for (const count of Object.values({ ...all.cuts, ...all.places })) {
    assertGreater(count, 0);
  }
  assertEquals([all.deliveries, all.gaps], [CLIENTS * EVENTS, 0]);
  assertGreater(few.gaps, 0);
  assertEquals(few.deliveries + few.missed, CLIENTS * EVENTS);
}
