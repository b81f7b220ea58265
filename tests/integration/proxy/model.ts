import type { Model } from "../../../examples/proxy/ask.ts";

/** The model that a request asks for. */
export function modelOf(request: Request, url: string): Model {
  const name = new URL(request.url).searchParams.get("model") ?? undefined;
  return { url, name };
}
