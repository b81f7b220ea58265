import process from "node:process";
import { failOutside, runCases } from "./run_cases.js";

process.on("unhandledRejection", failOutside);
process.on("uncaughtException", failOutside);

await runCases(process.env.FIXTURE_URL);
// A case that hung may have left something open that would keep the process alive.
process.exit();
