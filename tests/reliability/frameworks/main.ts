/**
 * The `frameworks` task: the apps of docs/frameworks.md and examples/cloudflare that are slow to install and to build.
 * It installs them from npm into temporary folders.
 *
 *   deno task frameworks [--only=next,nuxt,sveltekit,sveltekit2,wrangler-node20,wrangler-node24,miniflare]
 */
import { pack } from "../../../tools/packed.ts";
import { namesOf, readOptions } from "../../support/options.ts";
import { proofs as cloudflare } from "./cloudflare.ts";
import { proofs as frameworks } from "./frameworks.ts";

const proofs = { ...frameworks, ...cloudflare };
const all = Object.keys(proofs);
const { only } = readOptions({ only: all.join() });
let failed = 0;

const folder = await Deno.makeTempDir({ prefix: "pack_" });
const tarball = await pack(folder);
for (const name of namesOf(only, all)) {
  try {
    for await (const line of proofs[name]!(tarball)) {
      console.log(`ok  ${name}: ${line}`);
    }
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: ${(error as Error).stack}`);
  }
}
await Deno.remove(folder, { recursive: true });
Deno.exit(failed === 0 ? 0 : 1);
