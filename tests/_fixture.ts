import { setting } from "./_settings.ts";
import { startFixture } from "./fixture/start.ts";

/**
 * The URL of the fixture, an HTTP server: `http://127.0.0.1:PORT`, without a trailing slash. A runner starts it and
 * passes its URL. A test file that runs alone in Deno starts one itself.
 */
export const fixtureUrl: string = setting("FIXTURE_URL") ??
  (await startFixture()).url;
