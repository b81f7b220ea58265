import { runDeno } from "./command.ts";

/** Bundles a module for browsers, minified and whole; returns its source. */
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
