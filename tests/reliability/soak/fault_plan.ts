import { below, pick, type Random } from "../../codec/random.ts";
import type { Cut, Fault, Plan } from "../../support/fault_proxy.ts";

const faults: Fault[] = ["drop", "drop", "reset", "reset", "half-open"];
/** About where the head of a response ends. */
const HEAD = 220;

/** Chooses at random what happens to a connection, which forwards about this many bytes. */
export function drawPlan(random: Random, bytes: number): Plan {
  const fault = pick(random, faults);
  const place = random();
  const direction = place < 0.06 ? "request" : "response";
  const after = place < 0.06
    ? below(random, 250)
    : place < 0.15
    ? below(random, HEAD)
    : HEAD + below(random, 2 * bytes);
  const cut: Cut = { direction, after, fault };
  return { ...drawPace(random), cut };
}

/** Chooses at random how bytes are split, collected and delayed; small pieces are not delayed, or nothing would arrive. */
function drawPace(random: Random): Pick<Plan, "piece" | "pause"> {
  switch (below(random, 4)) {
    case 0:
      return { piece: 65536, pause: 0 };
    case 1:
      return { piece: pick(random, [1, 7, 40, 300]), pause: 0 };
    case 2:
      return { piece: 65536, pause: 1 + below(random, 30) };
    default:
      return { piece: 100 + below(random, 1400), pause: 1 + below(random, 3) };
  }
}
