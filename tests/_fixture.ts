import { startFixture } from "./fixture/start.ts";

/**
 * Where the fixture, a real HTTP server, listens: `http://127.0.0.1:PORT`, without a slash at the end. A runner starts
 * one and passes its URL on; in Deno, a test file that is run by hand starts its own.
 */
export const fixtureUrl: string = "Deno" in globalThis
  ? Deno.env.get("FIXTURE_URL") ?? (await startFixture()).url
  : givenUrl();

function givenUrl(): string {
  const { fixtureUrl } = globalThis as { fixtureUrl?: string };
  if (fixtureUrl === undefined) throw new Error("The runner gave no fixture");
  return fixtureUrl;
}
