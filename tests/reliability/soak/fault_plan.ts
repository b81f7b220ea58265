import { below, pick, type Random } from "../../codec/random.ts";

/** What ends a connection: a FIN, an RST, or nothing, as when a peer vanishes. */
export type Fault = "drop" | "reset" | "half-open";

/** What happens to one connection. */
export interface Plan {
  /** The maximum bytes forwarded in one write. */
  readonly piece: number;
  /** Milliseconds to wait before each read, while more data collects; 0 does not wait for a turn either. */
  readonly pause: number;
  /** `undefined` if the connection is not cut. */
  readonly cut: Cut | undefined;
}

/** Where and how a connection is cut. */
export interface Cut {
  readonly direction: "request" | "response";
  /** Bytes forwarded in that direction before the cut. */
  readonly after: number;
  readonly fault: Fault;
}

const faults: Fault[] = ["drop", "drop", "reset", "reset", "half-open"];
/** About where the head of a response ends. */
const HEAD = 220;

/** Chooses at random what happens to a connection, which forwards about this many bytes. */
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
