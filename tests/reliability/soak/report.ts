import type { Fault } from "./fault_plan.ts";
import type { FaultProxy, Place } from "./fault_proxy.ts";
import type { Defects } from "./ledger.ts";

/** The results of the deliveries. */
export interface Outcome extends Defects {
  deliveries: number;
  /** Gaps that clients received, and the events they replaced. */
  gaps: number;
  missed: number;
}

/** The result of a soak on one log. */
export interface Report extends Outcome {
  log: string;
  seconds: number;
  /** Connections that the clients opened. */
  connections: number;
  /** Connections that were cut, by kind and by place. */
  cuts: Record<Fault, number>;
  places: Record<Place, number>;
  /** Cut connections of publishers, and publications that were retried. */
  publisherCuts: number;
  retries: number;
  /** Half-open connections at the end, and the seconds until no server counted a subscriber for them. */
  held: number;
  lettingGo: number;
  /** Descriptions of all failures. */
  complaints: string[];
}

/** The number of connections that a proxy cut. */
export function cutsOf({ cuts }: Pick<FaultProxy, "cuts">): number {
  return cuts.drop + cuts.reset + cuts["half-open"];
}

/** Returns whether there was no failure. */
export function isFlawless(report: Report): boolean {
  const { lost, doubled, outOfOrder, wrong, complaints } = report;
  return lost + doubled + outOfOrder + wrong + complaints.length === 0;
}

const columns: Record<string, (report: Report) => number> = {
  "deliveries": ({ deliveries }) => deliveries,
  "disconnects": cutsOf,
  "FIN": ({ cuts }) => cuts.drop,
  "RST": ({ cuts }) => cuts.reset,
  "half-open": ({ cuts }) => cuts["half-open"],
  "in the request": ({ places }) => places.request,
  "in the head": ({ places }) => places.head,
  "in the stream": ({ places }) => places.stream,
  "publications retried": ({ retries }) => retries,
  "lost": ({ lost }) => lost,
  "doubled": ({ doubled }) => doubled,
  "out of order": ({ outOfOrder }) => outOfOrder,
  "wrong": ({ wrong }) => wrong,
  "gaps received": ({ gaps }) => gaps,
  "events missed, as reported": ({ missed }) => missed,
  "seconds": ({ seconds }) => Math.round(seconds),
};

/** Formats the reports as a Markdown table with one column per log. */
export function tableOf(reports: readonly Report[]): string {
  const names = reports.map(({ log }) => log);
  const rows = Object.entries(columns).map(([name, cell]) => {
    const cells = reports.map(cell);
    const sum = cells.reduce((sum, value) => sum + value, 0);
    return [name, ...[...cells, sum].map((n) => n.toLocaleString("en"))];
  });
  const rule = ["-", ...names.map(() => "-:"), "-:"];
  return [["", ...names, "in all"], rule, ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
