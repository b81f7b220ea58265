import { runCases } from "./run_cases.js";
import "./web.js";

export default { test: (_, env) => runCases(env) };
