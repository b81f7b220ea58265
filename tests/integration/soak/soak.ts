import { assertEquals, assertGreater } from "@std/assert";
import { soak } from "../../reliability/soak/soak.ts";

const CLIENTS = 20;
const EVENTS = 160;

/** The short form of the `soak` task on one log: with all events retained and with few at the same time. */
export async function checkSoak(log: string): Promise<void> {
  const options = {
    log,
    seed: 20261122,
    clients: CLIENTS,
    events: EVENTS,
    idleTimeout: 3000,
  };
  const reports = await Promise.all([
    soak({ ...options, kept: "all" }),
    soak({ ...options, kept: "few" }),
  ]);
  for (const { complaints } of reports) assertEquals(complaints, []);
  const [all, few] = reports.map(({ counts }) => counts);
  assertGreater(all!.disconnects!, 100);
  const kinds = ["drop", "reset", "half-open", "request", "head", "stream"];
  for (const kind of kinds) assertGreater(all![kind]!, 0);
  assertEquals([all!.deliveries, all!.gaps], [CLIENTS * EVENTS, 0]);
  assertGreater(few!.gaps!, 0);
  assertEquals(few!.deliveries! + few!.missed!, CLIENTS * EVENTS);
}
