import { parseArgs } from "node:util";

/** Reads options such as `--seed=N` from the command line, with the given defaults. */
export function numberOptions<Name extends string>(
  initial: Record<Name, number>,
): Record<Name, number> {
  const names = Object.keys(initial) as Name[];
  const option = { type: "string" } as const;
  const { values } = parseArgs({
    args: Deno.args,
    options: Object.fromEntries(names.map((name) => [name, option])),
  });
  const read = (name: Name): number => {
    const value = Number(values[name] ?? initial[name]);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new RangeError(
      `Cannot run: ${name} must be a number: received ${values[name]}`,
    );
  };
  return Object.fromEntries(
    names.map((name) => [name, read(name)]),
  ) as Record<Name, number>;
}
