import { runCases } from "./run_cases.js";
import "./web.js";

await runCases(location.origin);
