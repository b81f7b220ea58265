import { below, pick, type Random } from "../../codec/random.ts";

/** What ends a connection: a FIN, an RST, or nothing at all, as when a peer has vanished. */
export type Fault = "drop" | "reset" | "half-open";

/** What happens to one connection. */
export interface Plan {
  /** The most bytes that are sent on at once. */
  readonly piece: number;
  /** How many milliseconds to wait before each read, during which more gathers; 0 for not even a turn. */
  readonly pause: number;
  /** `undefined` where it is left alone. */
  readonly cut: Cut | undefined;
}

/** Where and how a connection is cut. */
export interface Cut {
  readonly direction: "request" | "response";
  /** How many bytes of that direction are let through before. */
  readonly after: number;
  readonly fault: Fault;
}

const faults: Fault[] = ["drop", "drop", "reset", "reset", "half-open"];
/** About where the head of a response ends. */
const HEAD = 220;

/** Draws what happens to a connection, of which about this many bytes come through. */
export function drawPlan(random: Random, bytes: number): Plan {
  const fault = pick(random, faults);
  const place = random();
  const cut: Cut = place < 0.06
    ? { direction: "request", after: below(random, 250), fault }
    : place < 0.15
    ? { direction: "response", after: below(random, HEAD), fault }
    : {
      direction: "response",
      after: HEAD + below(random, 2 * bytes),
      fault,
    };
  return { ...drawPace(random), cut };
}

/** Draws how bytes are cut up, gathered and held up; small pieces are not paused for, or nothing would arrive. */
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
