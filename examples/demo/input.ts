import { HTTPException } from "hono/http-exception";

/** Reads a request's body as a JSON object. Anything else is answered with 400. */
export async function readJson(
  request: Request,
): Promise<Record<string, unknown>> {
  const value: unknown = await request.json().catch(() => undefined);
  if (typeof value !== "object" || value === null) {
    throw new HTTPException(400, { message: "Send a JSON object." });
  }
  return value as Record<string, unknown>;
}

/** Returns trimmed text of 1 to `max` characters. Anything else is answered with 400. */
export function readText(what: string, value: unknown, max: number): string {
  const text = typeof value === "string" ? value.trim() : "";
  if (text === "" || text.length > max) {
    const message = `${what} has 1 to ${max} characters.`;
    throw new HTTPException(400, { message });
  }
  return text;
}
