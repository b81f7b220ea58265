/** The `ok` task: runs every check except the tests. Prints one line each, and the full output of failed checks. */
import config from "../deno.json" with { type: "json" };
import { type Result, runDeno } from "./command.ts";
import { findFiles } from "./files.ts";
import { checkImports, readImports } from "./imports.ts";
import { findResolution } from "./resolution.ts";
import { checkProse } from "./prose.ts";
import { findScore } from "./score.ts";
import { describeSize, findSizes } from "./sizes.ts";

type Verdict = Pick<Result, "success" | "output">;

const entries = Object.values(config.exports);
const files = findFiles(".", ".ts");
const sources = ["mod.ts", ...findFiles("src", ".ts")];
let failed = false;

function report(name: string, { success, output }: Verdict): void {
  console.log(`${success ? "ok" : "FAILED"}  ${name}`);
  if (!success) console.log(`\n${output.trim()}\n`);
  failed ||= !success;
}

/** Finds the files whose imports need JSR. */
function findUnresolved(): string[] {
  return files.filter((path) =>
    /from "@std\/http/.test(Deno.readTextFileSync(path))
  );
}

const { jsr, flags } = await findResolution();
const leftOut = jsr ? [] : findUnresolved();
const checked = files.filter((path) => !leftOut.includes(path));
const web = ["check", "--quiet", "--config", "tests/web.json"];

report("fmt", await runDeno(["fmt", "--check"]));
report(
  "fmt of excluded files",
  await runDeno(["fmt", "--check", "--no-config", ...config.exclude]),
);
report("lint", await runDeno(["lint"]));
report(
  "doc --lint",
  await runDeno(["doc", "--lint", ...entries, "cli/main.ts"]),
);
report(
  "check",
  await runDeno(["check", "--quiet", ...flags, ...checked]),
);
report("check with web types only", await runDeno([...web, ...sources]));
const wrongImports = checkImports(await readImports(Deno.cwd()));
report("imports: no dependency, no wrong direction, no cycle", {
  success: wrongImports.length === 0,
  output: wrongImports.join("\n"),
});
const prose = await checkProse(findFiles(".", ".md"), [
  ...sources,
  ...findFiles("cli", ".ts"),
]);
report(
  `prose: words and sentences (${prose.warnings.length} hints by tools/prose.ts)`,
  { success: prose.errors.length === 0, output: prose.errors.join("\n") },
);
for (const [criterion, verdict] of await findScore()) {
  report(`JSR: ${criterion}`, verdict);
}
const { sizes, kept } = await findSizes();
for (const size of sizes) {
  report(describeSize(size), {
    success: size.size <= (size.budget ?? Infinity),
    output: "Make it smaller: tools/sizes.ts contains the budgets",
  });
}
report("an unused import leaves no code", {
  success: kept.length === 0,
  output: kept.join("\n"),
});
for (const path of leftOut) {
  console.log(`Skipped: check of ${path}: it needs @std/http from JSR`);
}
console.log(
  "Skipped: the description and runtimes on JSR: they are set by hand on JSR",
);
if (failed) Deno.exit(1);
