/** Runs the cases for any log: `suite.ts LIBRARY PLACE [MODULES]`. It prints the outcome of each as a line of JSON. */
import process from "node:process";
import { toOutcome } from "../durable_object/outcome.ts";
import { libraries, logCases } from "./libraries.ts";

const [library = "", place = "", modules = ""] = process.argv.slice(2);
for (
  const { run } of logCases("", await libraries[library]!(place, modules))
) {
  console.log(JSON.stringify(await toOutcome(run)));
}
process.exit();
