import { parseArgs } from "node:util";

/** Reads options such as `--seed=N` from the command line, with their defaults. An option with a numeric default is a number. */
export function readOptions<Options extends Record<string, number | string>>(
  defaults: Options,
): Options {
  const { values } = parseArgs({
    args: Deno.args,
    options: Object.fromEntries(
      Object.keys(defaults).map((name) => [name, { type: "string" }]),
    ),
  });
  const entries = Object.entries(defaults).map(([name, initial]) => {
    const value = values[name] ?? initial;
    if (typeof initial === "string") return [name, value];
    if (/^\d+$/.test(`${value}`)) return [name, Number(value)];
    throw new RangeError(
      `Cannot run: ${name} must be a number: received ${value}`,
    );
  });
  return Object.fromEntries(entries);
}

/** Splits a list of names, all of which must be known. */
export function namesOf(list: string, known: readonly string[]): string[] {
  const names = list.split(",");
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length === 0) return names;
  throw new RangeError(
    `Cannot run: a name must be one of ${known}: received ${unknown}`,
  );
}
