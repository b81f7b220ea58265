import { createRequire } from "node:module";
import * as esbuild from "npm:esbuild@0.25.10";
import { rollup } from "npm:rollup@4.68.8";

/** Bundles and minifies the source of a module for browsers. Imports are resolved from `folder`. */
type Bundler = (source: string, folder: string) => Promise<string>;

/** The bundlers that most tools use. esbuild minifies both outputs, as in Vite. */
export const bundlers: Record<string, Bundler> = {
  async esbuild(source, folder) {
    const { outputFiles } = await esbuild.build({
      stdin: { contents: source, resolveDir: folder },
      bundle: true,
      format: "esm",
      minify: true,
      target: "esnext",
      write: false,
    });
    return outputFiles[0]!.text;
  },
  async rollup(source, folder) {
    const { resolve } = createRequire(`${folder}/entry.js`);
    await using bundle = await rollup({
      input: "entry",
      plugins: [{
        name: "packages",
        resolveId(id: string) {
          if (id === "entry") return id;
          return id.startsWith(".") ? null : resolve(id);
        },
        load: (id: string) => id === "entry" ? source : null,
      }],
      // Ignore the warning about an unused import, because the check is about such imports.
      onLog: () => {},
    });
    const { output } = await bundle.generate({ format: "es" });
    const { code } = await esbuild.transform(output[0].code, { minify: true });
    return code;
  },
};

/** Stops the bundlers' processes. */
export async function stopBundlers(): Promise<void> {
  await esbuild.stop();
}
