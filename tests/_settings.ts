/** Returns a setting of the run: from the environment in Deno, from a global that the runner sets elsewhere. */
export function setting(name: SettingName): string | undefined {
  const given = (globalThis as { [name in SettingName]?: string })[name];
  if (given !== undefined) return given;
  return "Deno" in globalThis ? Deno.env.get(name) || undefined : undefined;
}

type SettingName =
  /** The URL of the fixture. */
  | "FIXTURE_URL"
  /** The seed of the random cases. */
  | "RIVULET_SEED"
  /** Set when random cases run at full size in this runtime. */
  | "RIVULET_FULL";

/** The default seed, the same in every runtime. */
export const DEFAULT_SEED = 20261122;

/**
 * Returns the number of random inputs of a case: all at full size, otherwise one in `divisor`. Other runtimes than Deno
 * run a third of these.
 */
export function sizeOf(full: number, divisor = 20): number {
  if (setting("RIVULET_FULL")) return full;
  return Math.ceil(full / ("Deno" in globalThis ? divisor : 3 * divisor));
}
