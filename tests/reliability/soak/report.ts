import type { Fault } from "./fault_plan.ts";
import type { FaultProxy, Place } from "./fault_proxy.ts";
import type { Defects } from "./ledger.ts";

/** What became of the deliveries. */
export interface Outcome extends Defects {
  deliveries: number;
  /** Gaps that clients were told of, and the events that these stand for. */
  gaps: number;
  missed: number;
}

/** What came of a soak on one log. */
export interface Report extends Outcome {
  log: string;
  seconds: number;
  /** Connections that the clients made. */
  connections: number;
  /** Those of them that were cut, by how and by where. */
  cuts: Record<Fault, number>;
  places: Record<Place, number>;
  /** Connections cut under those who published, and publications that were tried again. */
  publisherCuts: number;
  retries: number;
  /** Half-open connections at the end, and after how many seconds no server counted a subscriber for them any more. */
  held: number;
  lettingGo: number;
  /** What went wrong, in words. */
  complaints: string[];
}

/** How many connections a proxy cut. */
export function cutsOf({ cuts }: Pick<FaultProxy, "cuts">): number {
  return cuts.drop + cuts.reset + cuts["half-open"];
}

/** Tells whether all went as it should. */
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
  "gaps told": ({ gaps }) => gaps,
  "events missed, as told": ({ missed }) => missed,
  "seconds": ({ seconds }) => Math.round(seconds),
};

/** Shows the reports as a table in Markdown, one log a column. */
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
