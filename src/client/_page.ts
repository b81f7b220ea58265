/** What a page has and other places may lack. */
interface Page extends Partial<EventTarget> {
  readonly document?: EventTarget & {
    readonly baseURI: string;
    readonly visibilityState: string;
  };
  readonly location?: { readonly href: string };
}

/** The global object, as far as it is a page. */
export const page: Page = globalThis as Page;

export function isHidden(): boolean {
  return page.document?.visibilityState === "hidden";
}

/** Resolves a URL as a page or a worker does; `undefined` when it cannot be parsed. */
export function parseUrl(url: string | URL): URL | undefined {
  try {
    return new URL(url, page.document?.baseURI ?? page.location?.href);
  } catch {
    return undefined;
  }
}
