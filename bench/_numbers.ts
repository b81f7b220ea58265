/** Sorts numbers by size. */
export function sort(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

/** The middle one of sorted numbers. */
export function middle(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1]!;
}

/** The middle one of numbers in any order. */
export function median(numbers: readonly number[]): number {
  return middle(sort(numbers));
}
