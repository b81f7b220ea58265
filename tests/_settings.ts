/** What a run of the suite is given, as text: by the environment in Deno, by the runner as globals elsewhere. */
export function setting(name: SettingName): string | undefined {
  const given = (globalThis as { [name in SettingName]?: string })[name];
  if (given !== undefined) return given;
  return "Deno" in globalThis ? Deno.env.get(name) || undefined : undefined;
}

type SettingName =
  /** Where the fixture listens. */
  | "FIXTURE_URL"
  /** The seed of the random cases. */
  | "RIVULET_SEED"
  /** Set when random cases run at full size in this runtime. */
  | "RIVULET_FULL";

/** The seed that a run has when none is given, the same in every runtime. */
export const DEFAULT_SEED = 20261122;

/** How many random inputs a case takes: all of them at full size, otherwise one in `divisor`. */
export function sizeOf(full: number, divisor = 20): number {
  return setting("RIVULET_FULL") ? full : Math.ceil(full / divisor);
}
