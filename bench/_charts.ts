import { type BarGroup, drawChart } from "./_chart.ts";
import { median } from "./_numbers.ts";
import { meanOf } from "./_ratios.ts";
import type { CodecReport } from "./codec.ts";
import type { FanOutReport } from "./fan_out/race.ts";

const BASE = "eventsource-parser/stream";
const SHOWN = [
  "EventParser",
  "batches()",
  "decode()",
  "eventsource-parser",
  "eventsource-parser, fed from a stream",
  BASE,
  "@std/http",
];
const OWN = 3;

/** The speed of each decoder in each runtime: the geometric mean over the loads, relative to one peer. */
export function decodeChart(reports: Record<string, CodecReport>): string {
  const groups = Object.entries(reports).map(([title, { decode }]) => ({
    title,
    bars: SHOWN.flatMap((name, index) => {
      const claim = { group: "decode", ours: name, peers: [BASE] } as const;
      const value = meanOf(decode, claim);
      if (value === undefined) return [];
      return [{ name, value, label: value.toFixed(2), isOwn: index < OWN }];
    }),
  }));
  return drawChart(`Decoding speed, ${BASE} = 1 (more is better)`, groups);
}

/** Deliveries in one second of the server's processor time. */
export function fanOutChart({ results }: FanOutReport): string {
  const ways = {
    bursts: "20 events at once",
    single: "one at a time",
  } as const;
  const byPlace = Object.groupBy(
    results,
    ({ runtime, connections }) => `${runtime}, ${connections} connections`,
  );
  const groups: BarGroup[] = [];
  for (const [place, group = []] of Object.entries(byPlace)) {
    const byName = Object.groupBy(group, ({ name }) => name);
    for (const [way, title] of Object.entries(ways)) {
      groups.push({
        title: `${place}, ${title}`,
        bars: Object.entries(byName).map(([name, all = []]) => {
          const value = median(all.map((of) => of[way as keyof typeof ways]));
          const label = `${(value / 1000).toFixed(0)}k`;
          return { name, value, label, isOwn: name === "Channel" };
        }),
      });
    }
  }
  return drawChart("Deliveries in a CPU second (more is better)", groups);
}
