import { runDeno } from "./command.ts";

/** How to resolve `@std/…` on this machine. */
export interface Resolution {
  /** Whether JSR can be reached or its modules are cached. */
  jsr: boolean;
  /** The flags of a Deno subcommand that loads modules which import `@std/assert`. */
  flags: string[];
}

/** Checks with Deno whether JSR can be reached, and logs the result. */
export async function findResolution(): Promise<Resolution> {
  const { success: jsr } = await runDeno(
    ["cache", "--no-config", "jsr:@std/assert@^1", "jsr:@std/http@^1.1"],
    { limit: 30_000 },
  );
  console.error(
    jsr
      ? "JSR: reachable"
      : "JSR: not reachable; using npm:chai in place of @std/assert",
  );
  const flags = ["--no-lock", "--import-map", "tests/offline/import_map.json"];
  return { jsr, flags: jsr ? [] : flags };
}
