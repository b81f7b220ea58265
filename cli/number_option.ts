import { InvalidArgumentError } from "commander";

/** The longest delay that a timer keeps, in milliseconds. */
export const MAX_DELAY: number = 2 ** 31 - 1;

/** Returns a function that parses an integer option. */
export function integer(
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER
      ? `from ${min}`
      : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be an integer ${range}.`);
  };
}

/** Parses an option in seconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (value >= 0.001 && value * 1000 <= MAX_DELAY) return value;
  throw new InvalidArgumentError(
    `It must be a number from 0.001 to ${Math.floor(MAX_DELAY / 1000)}.`,
  );
}
