/** A case of the portable suite. */
export interface Case {
  name: string;
  run: () => void | Promise<void>;
  /** A stack whose second entry is the declaration of the case. */
  stack: string | undefined;
}

/** Declares a case of a portable suite. */
export type Test = (name: string, run: () => void | Promise<void>) => void;

/** The declared cases. Empty in Deno, which collects them itself. */
export const cases: Case[] = [];

/** `Deno.test` in Deno, so that its sanitizers and filters apply. In other runtimes it collects cases for a runner. */
export const test: Test = "Deno" in globalThis
  ? Deno.test
  : (name, run) => void cases.push({ name, run, stack: new Error().stack });
