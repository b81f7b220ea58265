/** A measure over time, or over cycles: `[x, y]` in ascending order of x. */
export type Series = readonly (readonly [x: number, y: number])[];

/** The median of the numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * How much a series grows from its first third to its last: the median of the slopes between each point of the first and each
 * of the last. Unlike a mean or a least-squares line, it is not affected by a few outliers.
 */
export function slopeOf(series: Series): number {
  const third = Math.floor(series.length / 3);
  if (third === 0) throw new RangeError("A slope needs three points");
  const slopes = series.slice(0, third).flatMap(([x, y]) =>
    series.slice(-third).map(([laterX, laterY]) => (laterY - y) / (laterX - x))
  );
  return median(slopes);
}
