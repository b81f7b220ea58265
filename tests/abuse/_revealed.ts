interface Inspecting {
  Deno?: { inspect(value: unknown, options: { depth: number }): string };
  process?: {
    getBuiltinModule?(
      name: "node:util",
    ): { inspect(value: unknown, options: { depth: number }): string };
  };
}

const { Deno, process } = globalThis as Inspecting;
const inspect = Deno?.inspect ??
  process?.getBuiltinModule?.("node:util").inspect;

/** Everything that an error reveals when it is printed, converted to JSON, enumerated, or followed to its causes. */
export function revealedBy(error: unknown): string {
  const seen = new Set<unknown>();
  const parts = [inspect?.(error, { depth: 20 }) ?? ""];
  const visit = (value: unknown): void => {
    parts.push(String(value));
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    parts.push(JSON.stringify(value) ?? "");
    if (value instanceof Response) {
      parts.push(value.url, JSON.stringify([...value.headers]));
    }
    if (value instanceof Error) {
      parts.push(value.stack ?? "");
      visit(value.cause);
    }
    // Objects of a page refer to the whole page.
    if (value instanceof Error || Object.getPrototypeOf(value) === plain) {
      for (const part of Object.values(value)) visit(part);
    }
  };
  visit(error);
  return parts.join("\n");
}

const plain = Object.prototype;
