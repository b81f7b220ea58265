/** The `build:client` task: bundles the client into one file, for pages without a build step. */
import config from "../deno.json" with { type: "json" };
import { bundleModule } from "./bundle.ts";

const path = "dist/client.js";
const notice =
  `/*! ${config.name} ${config.version}, ${config.license} license */`;

await Deno.mkdir("dist", { recursive: true });
const source = await bundleModule("src/client/mod.ts");
await Deno.writeTextFile(path, `${notice}\n${source}`);
console.log(path);
