/** A page: the real one, or a substitute with what a client reads of one. */
export interface Page {
  show(isShown: boolean): void;
  goOnline(): void;
}

const place = globalThis as {
  document?: EventTarget;
  addEventListener?: unknown;
  removeEventListener?: unknown;
  dispatchEvent?: (event: Event) => boolean;
};

/** Runs a case on a page, which is simulated outside a browser. */
export async function onPage(
  run: (page: Page) => Promise<void>,
): Promise<void> {
  const page = place.document === undefined ? new EventTarget() : undefined;
  const target = page ?? place.document!;
  const global = place.addEventListener === undefined
    ? new EventTarget()
    : undefined;
  let visibilityState = "visible";
  Object.defineProperty(target, "visibilityState", {
    get: () => visibilityState,
    configurable: true,
  });
  if (page !== undefined) place.document = page;
  if (global !== undefined) {
    place.addEventListener = global.addEventListener.bind(global);
    place.removeEventListener = global.removeEventListener.bind(global);
  }
  try {
    await run({
      show(isShown) {
        visibilityState = isShown ? "visible" : "hidden";
        target.dispatchEvent(new Event("visibilitychange"));
      },
      goOnline: () =>
        void (global ?? globalThis).dispatchEvent(new Event("online")),
    });
  } finally {
    delete (target as { visibilityState?: unknown }).visibilityState;
    if (page !== undefined) delete place.document;
    if (global !== undefined) {
      delete place.addEventListener;
      delete place.removeEventListener;
    }
  }
}
