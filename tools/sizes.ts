import { gzipSync } from "node:zlib";
import config from "../deno.json" with { type: "json" };
import { bundlers, stopBundlers } from "./bundlers.ts";
import { installPacked } from "./packed.ts";

interface Limits {
  /** What the design allows; a name without one is measured for information. */
  readonly budget?: number;
  /**
   * While it weighs more than the budget: the most that is let pass. It may only be lowered, to 3 % above what is
   * measured, and goes when the budget is met.
   */
  readonly ceiling?: number;
}

/** Bytes, minified and compressed, in the larger of the bundles. */
const names: Record<string, Limits> = {
  encodeEvent: { budget: 1_000 },
  EventParser: { budget: 1_700, ceiling: 1_800 },
  decode: { budget: 3_600, ceiling: 5_030 },
  connect: { budget: 6_600, ceiling: 8_990 },
  EventSource: { budget: 7_200, ceiling: 9_680 },
  respond: { budget: 3_400, ceiling: 6_613 },
  Channel: { budget: 9_500, ceiling: 12_700 },
  merge: {},
  defineEvents: {},
  resumable: {},
};

/** Test helpers hold tables and long texts that no page loads. */
const doors = Object.keys(config.exports).filter((door) => door !== "./testing")
  .map((door) => door.replace(".", config.name));

/** One name as a page would load it. */
export interface Size extends Limits {
  name: string;
  /** Bytes by bundler. */
  sizes: Record<string, number>;
  /** Bytes in the larger of the bundles. */
  size: number;
  /** The most that is let pass: the ceiling, or else the budget. */
  limit: number;
}

/** Measures every name in the packed package, and names what bundlers keep of imports that use nothing. */
export async function findSizes(): Promise<{ sizes: Size[]; kept: string[] }> {
  await using packed = await installPacked();
  try {
    const sizes: Size[] = [];
    for (const [name, limits] of Object.entries(names)) {
      sizes.push(await measure(name, limits, packed.folder));
    }
    return { sizes, kept: await findKept(doors, packed.folder) };
  } finally {
    await stopBundlers();
  }
}

async function measure(
  name: string,
  limits: Limits,
  folder: string,
): Promise<Size> {
  const sizes: Size["sizes"] = {};
  for (const [bundler, bundle] of Object.entries(bundlers)) {
    const source = `export { ${name} } from "${config.name}";`;
    sizes[bundler] = gzip(await bundle(source, folder));
  }
  const { budget = Infinity, ceiling = budget } = limits;
  const size = Math.max(...Object.values(sizes));
  return { name, sizes, size, ...limits, limit: ceiling };
}

/** Says how a size stands to its budget, and when its ceiling can be lowered. */
export function describeSize(
  { name, sizes, size, budget, ceiling }: Size,
): string {
  const bundles = Object.entries(sizes)
    .map(([bundler, bytes]) => `${bytes} by ${bundler}`);
  const parts = [`import { ${name} }: ${bundles.join(", ")}`];
  if (budget !== undefined) parts.push(`budget ${budget}`);
  if (ceiling !== undefined) {
    parts.push(`not met yet, ceiling ${ceiling}`);
    if (size <= budget!) parts.push("met now: remove the ceiling");
    else if (size * 1.03 + 10 < ceiling) {
      parts.push(`lower it to ${Math.ceil(size * 1.03)}`);
    }
  }
  return parts.join("; ");
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
