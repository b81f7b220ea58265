import { middle, sort } from "./_numbers.ts";

/** A ratio that was measured in several rounds of one run, and what is aimed at. */
export interface Row {
  /** What it is about. */
  readonly topic: string;
  readonly name: string;
  readonly ratios: readonly number[];
  /** It should be so much at least, or at most. */
  readonly least?: number | undefined;
  readonly most?: number | undefined;
  /** @default {"x"} */
  readonly unit?: string;
}

/** A row as it is kept. */
export interface KeptRow {
  readonly topic: string;
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly aim: string;
  /** Whether the median is as it should be, `undefined` where nothing is aimed at. */
  readonly met: boolean | undefined;
}

/** Sums up the rounds. */
export function keepRow(
  { topic, name, ratios, least, most, unit = "x" }: Row,
): KeptRow {
  const sorted = sort(ratios);
  const median = middle(sorted);
  const aim = least !== undefined
    ? `at least ${least}`
    : most !== undefined
    ? `at most ${most}`
    : "";
  const isMet = median >= (least ?? -Infinity) && median <= (most ?? Infinity);
  return {
    topic,
    name,
    median: round(median),
    min: round(sorted[0]!),
    max: round(sorted.at(-1)!),
    unit,
    aim,
    met: aim === "" ? undefined : isMet,
  };
}

/** Shows rows under their topics. */
export function showRows(rows: readonly KeptRow[]): string {
  const topics = Object.groupBy(rows, ({ topic }) => topic);
  return Object.entries(topics).flatMap(([topic, group = []]) => [
    `\n${topic}`,
    ...group.map(({ name, median, min, max, unit, aim, met }) => {
      const verdict = met === undefined
        ? ""
        : `; ${aim}: ${met ? "met" : "MISSED"}`;
      return `  ${name}: ${median} ${unit} (${min} to ${max})${verdict}`;
    }),
  ]).join("\n");
}

/** To four digits, which is more than such measurements know. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
