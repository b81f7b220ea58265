/** Sorts numbers. */
export function sort(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

/** The median of sorted numbers. */
export function middle(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1]!;
}

/** The median of numbers in any order. */
export function median(numbers: readonly number[]): number {
  return middle(sort(numbers));
}
