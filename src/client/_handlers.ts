/** Event handler attributes of one target (WHATWG HTML, section 8.1.8.1, "event handlers"). */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #values: Record<string, unknown> = {};
  readonly #listeners: Record<string, (event: Event) => void> = {};
  #hidden: string | undefined;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get(type: string): unknown {
    const value = this.#hidden === type ? null : this.#values[type];
    this.#hidden = undefined;
    return value ?? null;
  }

  /** Sets a handler: its place among the listeners is where the first one was set, until it is set to `null`. */
  set(type: string, value: unknown): void {
    // [LegacyTreatNonObjectAsNull]: what is no object is null; what cannot be called is kept and not called.
    const isHandler = typeof value === "function" ||
      typeof value === "object" && value !== null;
    this.#values[type] = isHandler ? value : null;
    const listener = this.#listeners[type] ??= (event) => {
      const handler = this.#values[type];
      if (typeof handler === "function") handler.call(this.#target, event);
    };
    // Twice the same listener is added once.
    if (isHandler) this.#target.addEventListener(type, listener);
    else this.#target.removeEventListener(type, listener);
  }

  /** Keeps the dispatch that follows from reading the handler, where it would call it ahead of all listeners. */
  hide(type: string): void {
    dispatchCallsHandlers ??= probe();
    if (dispatchCallsHandlers) this.#hidden = type;
  }
}

/**
 * Whether dispatching an event calls the property `on…` of the target by itself, as in workerd (2026-11-17, without
 * its flag spec_compliant_event_handler_attributes).
 */
let dispatchCallsHandlers: boolean | undefined;

function probe(): boolean {
  let isCalled = false;
  const target = Object.assign(new EventTarget(), {
    onprobe: () => void (isCalled = true),
  });
  target.dispatchEvent(new Event("probe"));
  return isCalled;
}
