import { middle, sort } from "./_numbers.ts";

/** A ratio measured in several rounds of one run, and its aim. */
export interface Row {
  /** The topic. */
  readonly topic: string;
  readonly name: string;
  readonly ratios: readonly number[];
  /** The aim: the least or the most it should be. */
  readonly least?: number | undefined;
  readonly most?: number | undefined;
  /** @default {"x"} */
  readonly unit?: string;
}

/** A row as it is stored. */
export interface KeptRow {
  readonly topic: string;
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly aim: string;
  /** Whether the median meets the aim, `undefined` without an aim. */
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

/** Rounds to four digits, more than such measurements are exact to. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
