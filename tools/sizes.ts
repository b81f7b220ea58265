import { gzipSync } from "node:zlib";
import config from "../deno.json" with { type: "json" };
import { bundleModule } from "./bundle.ts";

/** What each part is made of, and how many bytes it may weigh: what it weighed when that was decided, and 3 %. */
const parts: Record<
  string,
  { entries: (keyof typeof config.exports)[]; budget: number }
> = {
  encoder: { entries: ["./encoder"], budget: 1_035 },
  decoder: { entries: ["./decoder"], budget: 4_100 },
  "encoder and decoder": { entries: ["./encoder", "./decoder"], budget: 4_750 },
  client: { entries: ["./client"], budget: 8_000 },
  server: { entries: ["./server"], budget: 15_000 },
  everything: { entries: ["."], budget: 20_700 },
};

/** A part of the package as a page would load it. */
export interface Size {
  part: string;
  /** Bytes, minified and compressed. */
  size: number;
  budget: number;
}

/** Bundles, minifies and compresses every part. */
export async function findSizes(): Promise<Size[]> {
  const folder = await Deno.makeTempDir({ prefix: "size_" });
  try {
    const sizes: Size[] = [];
    for (const [part, { entries, budget }] of Object.entries(parts)) {
      const path = `${folder}/${part}.ts`;
      await Deno.writeTextFile(path, entries.map(exportAll).join(""));
      sizes.push({ part, budget, size: gzip(await bundleModule(path)) });
    }
    return sizes;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function exportAll(entry: keyof typeof config.exports): string {
  const { href } = new URL(
    config.exports[entry],
    new URL("../", import.meta.url),
  );
  return `export * from "${href}";\n`;
}

function gzip(text: string): number {
  return gzipSync(text, { level: 9 }).length;
}
