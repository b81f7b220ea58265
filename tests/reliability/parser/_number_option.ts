/** Reads `--name=N` from the command line. */
export function numberOption(name: string, initial: number): number {
  const prefix = `--${name}=`;
  const text = Deno.args.find((arg) => arg.startsWith(prefix));
  const value = Number(text?.slice(prefix.length) ?? initial);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(
    `Cannot run: ${name} must be a number: received ${text}`,
  );
}
