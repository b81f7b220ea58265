/** A section of a document. */
export interface Section {
  /** The code blocks that start with a comment with a file name, by that name. */
  readonly files: Readonly<Record<string, string>>;
  /** The packages in its `npm install` or `bun add` line, without versions. */
  readonly packages: readonly string[];
}

/** Reads the section with a heading, or the whole document if `heading` is empty. */
export async function readSection(
  document: string,
  heading: string,
): Promise<Section> {
  const text = await Deno.readTextFile(document);
  const [, section] = text.split(`\n## ${heading}\n`);
  if (heading !== "" && section === undefined) {
    throw new Error(`${document} lacks ${heading}`);
  }
  const [body = ""] = section?.split(/^## /m) ?? [text];
  const blocks = body.matchAll(
    /^```[^\n]*\n(?:\/\/|#|<!--) (\S+\.\w+)(?: -->)?\n(.*?)^```$/gms,
  );
  const [, installed = ""] =
    body.match(/^(?:npm install|bun add)((?: \S+)+)$/m) ?? [];
  return {
    files: Object.fromEntries(
      [...blocks].map(([, name, code]) => [name, code]),
    ),
    packages: installed.split(" ").filter((name) => name !== "").map(bare),
  };
}

/** Returns the name of a package without its version. */
export function bare(specifier: string): string {
  return specifier.replace(/(?<=.)@.*/, "");
}
