import { runDeno } from "./command.ts";

/** Bundles and minifies a module with all imports for browsers. Returns the source. */
export async function bundleModule(path: string): Promise<string> {
  const { success, stdout, output } = await runDeno([
    "bundle",
    "--quiet",
    "--minify",
    "--platform=browser",
    path,
  ]);
  if (!success) throw new Error(`Cannot bundle ${path}: ${output}`);
  return stdout;
}
