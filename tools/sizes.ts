import { gzipSync } from "node:zlib";
import config from "../deno.json" with { type: "json" };
import { bundlers, stopBundlers } from "./bundlers.ts";
import { installPacked } from "./packed.ts";

/**
 * The most that each name may weigh: bytes, minified and compressed, in the larger of the bundles. A name without a
 * number is measured for information.
 *
 * What is safe costs: of `respond` an upstream passed on takes 2,000 and refusing misspelt options 600; of `connect`
 * and `EventSource` redirects that keep secrets at their origin take 800, refused responses 570, requests that are sent
 * once 430 and the options 600; of `decode` the parser takes 1,800 and the stream 1,000.
 */
const names: Record<string, number | undefined> = {
  encodeEvent: 1_000,
  EventParser: 1_800,
  decode: 5_050,
  connect: 9_000,
  EventSource: 9_700,
  respond: 6_650,
  Channel: 12_900,
  merge: undefined,
  defineEvents: undefined,
  resumable: undefined,
  combine: undefined,
};

/** Test helpers hold tables and long texts that no page loads. */
const doors = Object.keys(config.exports).filter((door) => door !== "./testing")
  .map((door) => door.replace(".", config.name));

/** One name as a page would load it. */
export interface Size {
  name: string;
  /** Bytes by bundler. */
  sizes: Record<string, number>;
  /** Bytes in the larger of the bundles. */
  size: number;
  /** The most that it may be. */
  budget: number | undefined;
}

/** Measures every name in the packed package, and names what bundlers keep of imports that use nothing. */
export async function findSizes(): Promise<{ sizes: Size[]; kept: string[] }> {
  await using packed = await installPacked();
  try {
    const sizes: Size[] = [];
    for (const [name, budget] of Object.entries(names)) {
      sizes.push(await measure(name, budget, packed.folder));
    }
    return { sizes, kept: await findKept(doors, packed.folder) };
  } finally {
    await stopBundlers();
  }
}

async function measure(
  name: string,
  budget: number | undefined,
  folder: string,
): Promise<Size> {
  const sizes: Size["sizes"] = {};
  for (const [bundler, bundle] of Object.entries(bundlers)) {
    const source = `export { ${name} } from "${config.name}";`;
    sizes[bundler] = gzip(await bundle(source, folder));
  }
  return { name, sizes, size: Math.max(...Object.values(sizes)), budget };
}

/** Says how a size stands to its budget. */
export function describeSize({ name, sizes, budget }: Size): string {
  const bundles = Object.entries(sizes)
    .map(([bundler, bytes]) => `${bytes} by ${bundler}`);
  const end = budget === undefined ? "" : `; budget ${budget}`;
  return `import { ${name} }: ${bundles.join(", ")}${end}`;
}

/** Imports each specifier for nothing, and gives what is left of it where something is. */
export async function findKept(
  specifiers: string[],
  folder: string,
): Promise<string[]> {
  const kept: string[] = [];
  for (const specifier of specifiers) {
    for (const [bundler, bundle] of Object.entries(bundlers)) {
      const rest = (await bundle(`import "${specifier}";`, folder)).trim();
      if (rest !== "") kept.push(`${bundler} of ${specifier}: ${rest}`);
    }
  }
  return kept;
}

function gzip(text: string): number {
  return gzipSync(text, { level: 9 }).length;
}
