import { runCases } from "./run_cases.js";
import "./web.js";

const settings = new URLSearchParams(location.search);

await runCases({
  ...Object.fromEntries(settings),
  FIXTURE_URL: location.origin,
});
