import process from "node:process";
import { failOutside, runCases } from "./run_cases.js";

process.on("unhandledRejection", failOutside);
process.on("uncaughtException", failOutside);

const { FIXTURE_URL, RIVULET_SEED, RIVULET_FULL, CASE_FILTER } = process.env;

await runCases({ FIXTURE_URL, RIVULET_SEED, RIVULET_FULL, CASE_FILTER });
// A case that timed out may have left resources open that keep the process alive.
process.exit();
