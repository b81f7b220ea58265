/** The client's cycles in a page: `run(SCENARIO, COUNT)` runs them and returns what is left. */
import { countHeld } from "./held.ts";
import { inLanes } from "../../support/lanes.ts";
import { clientCycles } from "./client_cycles.ts";

/** Fewer than the connections that a browser opens to one host. */
const LANES = 5;
/** As long-lived as the page, and shared by all cycles. */
const { signal } = new AbortController();

Object.assign(globalThis, {
  run: (scenario: string, count: number) =>
    inLanes(
      count,
      LANES,
      (index) => clientCycles[scenario]!(location.origin, { signal }, index),
    ),
  countHeld,
});
