import { setting } from "./_settings.ts";
import { startFixture } from "./fixture/start.ts";

/**
 * Where the fixture, a real HTTP server, listens: `http://127.0.0.1:PORT`, without a slash at the end. A runner starts
 * one and passes its URL on; in Deno, a test file that is run by hand starts its own.
 */
export const fixtureUrl: string = setting("FIXTURE_URL") ??
  (await startFixture()).url;
