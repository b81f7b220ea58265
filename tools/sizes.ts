import { gzipSync } from "node:zlib";
import config from "../deno.json" with { type: "json" };
import { bundlers, stopBundlers } from "./bundlers.ts";
import { installPacked } from "./packed.ts";

/**
 * The size budget of each name: bytes, minified and compressed, of the larger bundle. A name without a budget is only
 * measured.
 *
 * The largest parts: in `respond`, passing an upstream through takes 2,000 bytes, of which 630 refuse a response that is
 * not an event stream, and checking options 600. In `Channel`, reading a log for all subscribers takes 1,300, and the log
 * in memory 1,500. In `decode`, the parser takes 850, the stream 700, and checking options, reading with limits and
 * refused responses 600 each. `connect` and `EventSource` have 1,050 for options, 850 for the parser, 750 for the
 * reconnection engine, 700 for when to retry and what to send once, 650 for requests, 450 for redirects that keep secrets
 * at their origin, and 550 for errors that reveal none. The interface of `EventSource` takes 750.
 */
const names: Record<string, number | undefined> = {
  encodeEvent: 1_000,
  EventParser: 1_900,
  decode: 4_850,
  connect: 8_600,
  EventSource: 9_250,
  respond: 6_400,
  Channel: 13_150,
  merge: undefined,
  defineEvents: undefined,
  resumable: undefined,
  combine: undefined,
};

/** All entry points except the test helpers, which contain tables and long texts that no page loads. */
const entries = Object.keys(config.exports).filter((entry) =>
  entry !== "./testing"
)
  .map((entry) => entry.replace(".", config.name));

/** The size of a bundle that imports one name. */
export interface Size {
  name: string;
  /** The size in bytes, by bundler. */
  sizes: Record<string, number>;
  /** The size of the larger bundle, in bytes. */
  size: number;
  /** The maximum size, in bytes. */
  budget: number | undefined;
}

/** Measures every name in the packed package, and lists the code that bundlers keep of unused imports. */
export async function findSizes(): Promise<{ sizes: Size[]; kept: string[] }> {
  await using packed = await installPacked();
  try {
    const sizes: Size[] = [];
    for (const [name, budget] of Object.entries(names)) {
      sizes.push(await measure(name, budget, packed.folder));
    }
    return { sizes, kept: await findKept(entries, packed.folder) };
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

/** Describes a size and its budget. */
export function describeSize({ name, sizes, budget }: Size): string {
  const bundles = Object.entries(sizes)
    .map(([bundler, bytes]) => `${bytes} by ${bundler}`);
  const end = budget === undefined ? "" : `; budget ${budget}`;
  return `import { ${name} }: ${bundles.join(", ")}${end}`;
}

/** Bundles an unused import of each specifier, and returns the bundles that are not empty. */
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
