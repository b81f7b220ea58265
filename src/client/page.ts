/** The globals of a page that other environments may lack. */
interface Page extends Partial<EventTarget> {
  readonly document?: EventTarget & {
    readonly baseURI: string;
    readonly visibilityState: string;
  };
  readonly location?: { readonly href: string };
}

/** The global object, with the globals of a page if there are any. */
export const page: Page = globalThis as Page;

export function isHidden(): boolean {
  return page.document?.visibilityState === "hidden";
}

/** Resolves a URL, by default against that of the page or worker. Returns `undefined` if it cannot be parsed. */
export function parseUrl(
  url: string | URL,
  base: string | URL | undefined = page.document?.baseURI ??
    page.location?.href,
): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
