const foreign = [".git", "coverage", "node_modules"];

/** The files under `folder` whose names end with `suffix`, sorted; none where there is no such folder. */
export function findFiles(folder: string, suffix: string): string[] {
  try {
    return [...walk(folder)].filter((path) => path.endsWith(suffix)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (foreign.includes(name)) continue;
    const path = folder === "." ? name : `${folder}/${name}`;
    if (isDirectory) yield* walk(path);
    else yield path;
  }
}
