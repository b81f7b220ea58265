import { SourceMap } from "node:module";
import { runDeno } from "../../tools/command.ts";

const runners = [
  "chromium.js",
  "process.js",
  "run_cases.js",
  "web.js",
  "workerd.capnp",
  "workerd.js",
];

/** Copies the runners to `folder`, where they import the suite as `suite.js`. */
export async function copyRunners(folder: string): Promise<void> {
  for (const name of runners) {
    await Deno.copyFile(`tests/runners/${name}`, `${folder}/${name}`);
  }
}

/** Bundles the suite into one module, `suite.js` in `folder`. */
export async function bundleSuite(
  folder: string,
  flags: string[],
): Promise<void> {
  const { success, output } = await runDeno([
    "bundle",
    ...flags,
    "--platform=browser",
    "--sourcemap=inline",
    `--output=${folder}/suite.js`,
    "tests/all.ts",
  ]);
  if (!success) throw new Error(`Cannot bundle the suite:\n${output}`);
}

/** Returns a function that maps positions in `suite.js` to positions in the sources. */
export function readPlaces(folder: string): (text: string) => string {
  const [, data] = Deno.readTextFileSync(`${folder}/suite.js`)
    .split("sourceMappingURL=data:application/json;base64,");
  if (data === undefined) throw new Error("The bundle has no source map");
  const map = new SourceMap(JSON.parse(atob(data)));
  return (text) =>
    text.replaceAll(
      /[^\s()@]*suite\.js:(\d+):(\d+)/g,
      (place, line, column) => {
        const entry = map.findEntry(line - 1, column - 1);
        if (!("originalSource" in entry)) return place;
        const { pathname } = new URL(entry.originalSource, `file://${folder}/`);
        const source = pathname.replace(`${Deno.cwd()}/`, "");
        return `${source}:${entry.originalLine + 1}:${
          entry.originalColumn + 1
        }`;
      },
    );
}
