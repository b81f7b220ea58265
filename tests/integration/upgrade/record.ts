/**
 * `deno run -A tests/integration/upgrade/record.ts` rewrites the fixtures: the data that this version stores in each engine.
 * Use it for a new format only, into a separate folder: the fixtures of earlier formats stay unchanged.
 */
import { recordAll } from "./upgrade.ts";

await recordAll();
