import { runDeno } from "./command.ts";

/** How `@std/…` is found on this machine. */
export interface Resolution {
  /** Whether JSR can be reached, or has been. */
  jsr: boolean;
  /** What a Deno subcommand needs to load modules that import `@std/assert`. */
  flags: string[];
}

/** Asks Deno itself whether JSR can be reached, and says which way was taken. */
export async function findResolution(): Promise<Resolution> {
  const { success: jsr } = await runDeno(
    ["cache", "--no-config", "jsr:@std/assert@^1", "jsr:@std/http@^1.1"],
    { limit: 30_000 },
  );
  console.error(
    jsr
      ? "JSR: reachable"
      : "JSR: not reachable; @std/assert is stood in for by npm:chai",
  );
  const flags = ["--no-lock", "--import-map", "tests/offline/import_map.json"];
  return { jsr, flags: jsr ? [] : flags };
}
