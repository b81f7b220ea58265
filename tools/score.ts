/** Checks the criteria of the JSR score that can be checked before publishing. */
import config from "../deno.json" with { type: "json" };
import { type Result, runCommand, runDeno } from "./command.ts";

/** A criterion and whether it is met. */
export type Criterion = [
  name: string,
  verdict: Pick<Result, "success" | "output">,
];

interface Doc {
  doc?: string;
  tags?: { kind: string }[];
}

interface Declaration {
  kind: string;
  jsDoc?: Doc;
}

interface Module {
  module_doc?: Doc;
  symbols?: { name: string; declarations: Declaration[] }[];
}

const entries = Object.values(config.exports);

/** Checks each criterion, and lists what is missing. */
export async function findScore(): Promise<Criterion[]> {
  const doc = await runDeno(["doc", "--json", ...entries]);
  if (!doc.success) throw new Error(`Cannot read the docs: ${doc.output}`);
  const modules: [string, Module][] = Object.entries(
    JSON.parse(doc.stdout).nodes,
  );
  const readme = await Deno.readTextFile("README.md");
  const workflow = await Deno.readTextFile(".github/workflows/publish.yml");
  const dryRuns = [
    await runDeno(["publish", "--dry-run", "--allow-dirty"]),
    await runCommand("env", [
      ...["-C", "cli", Deno.execPath()],
      ...["publish", "--dry-run", "--allow-dirty"],
    ]),
  ];
  return [
    ["a README with an example", checkReadme(readme)],
    [
      "a module doc with an example in every entry point",
      missing(
        modules.length === entries.length ? [] : ["an entry point in the docs"],
        modules.flatMap(([path, module]) => checkModule(path, module)),
      ),
    ],
    ...checkSymbols(modules),
    // Slow types fail the dry run. Warnings must be fixed too.
    ["publishes with no slow type", {
      success: dryRuns.every(({ success, output }) =>
        success && !output.includes("warning[")
      ),
      output: dryRuns.map(({ output }) => output).join("\n"),
    }],
    ["published with provenance", checkWorkflow(workflow)],
    // The description and the runtimes are set by hand on JSR.
  ];
}

function missing(...what: string[][]): Criterion[1] {
  const output = what.flat().map((name) => `There is no ${name}`).join("\n");
  return { success: output === "", output };
}

function checkReadme(text: string): Criterion[1] {
  return missing(/^```ts/m.test(text) ? [] : ["example in README.md"]);
}

function checkModule(path: string, { module_doc }: Module): string[] {
  const name = path.replace(/.*\//, "");
  if (!module_doc?.doc) return [`module doc in ${name}`];
  return hasExample(module_doc) ? [] : [`example in the module doc of ${name}`];
}

function hasExample({ doc = "", tags = [] }: Doc): boolean {
  return doc.includes("```") || tags.some(({ kind }) => kind === "example");
}

/** JSR requires docs for 80 % of the symbols. This project requires all, and an example except for types. */
function checkSymbols(modules: [string, Module][]): Criterion[] {
  const symbols = modules.flatMap(([, { symbols = [] }]) => symbols)
    .map(({ name, declarations }) => ({
      name,
      // A re-exported symbol is documented at its declaration.
      own: declarations.filter(({ kind }) => kind !== "reference"),
    })).filter(({ own }) => own.length > 0);
  const bare = symbols.filter(({ own }) => !own.some(({ jsDoc }) => jsDoc?.doc))
    .map(({ name }) => `doc of ${name}`);
  const share = 100 * (symbols.length - bare.length) / symbols.length;
  const unshown = symbols.filter(({ own }) =>
    !own.every(({ kind }) => /^(interface|typeAlias)$/.test(kind)) &&
    !own.some(({ jsDoc = {} }) => hasExample(jsDoc))
  ).map(({ name }) => `example of ${name}`);
  return [
    [
      `${Math.floor(share)} % of ${symbols.length} symbols documented`,
      missing(symbols.length === 0 ? ["symbol"] : bare),
    ],
    ["an example of each function and class", missing(unshown)],
  ];
}

function checkWorkflow(text: string): Criterion[1] {
  return missing(
    text.includes("id-token: write") ? [] : ["id-token in the workflow"],
    text.includes("deno publish") ? [] : ["publish in the workflow"],
  );
}
