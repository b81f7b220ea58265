/** One case of the portable suite. */
export interface Case {
  name: string;
  run: () => void | Promise<void>;
  /** A stack whose second entry is where the case is declared. */
  stack: string | undefined;
}

/** What every portable suite declares its cases with. */
export type Test = (name: string, run: () => void | Promise<void>) => void;

/** The cases declared so far. Empty in Deno, whose own runner keeps them. */
export const cases: Case[] = [];

/** `Deno.test` itself in Deno, so that its sanitizers and filters apply; elsewhere it collects cases for a runner. */
export const test: Test = "Deno" in globalThis
  ? Deno.test
  : (name, run) => void cases.push({ name, run, stack: new Error().stack });
