const ignored = [".git", "coverage", "node_modules"];

/**
 * Returns the sorted paths of the files in `folder` whose names end with `suffix`, `[]` if the folder does not exist.
 */
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
    if (ignored.includes(name)) continue;
    const path = folder === "." ? name : `${folder}/${name}`;
    if (isDirectory) yield* walk(path);
    else yield path;
  }
}
