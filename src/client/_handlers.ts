/** Event handler attributes of one target (WHATWG HTML, section 8.1.8.1, "event handlers"). */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #values: Record<string, unknown> = {};
  readonly #listeners: Record<string, (event: Event) => void> = {};

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get(type: string): unknown {
    return this.#values[type] ?? null;
  }

  /** Sets a handler: its place among the listeners is where the first one was set, until it is set to `null`. */
  set(type: string, value: unknown): void {
    // [LegacyTreatNonObjectAsNull]: what is no object is null, what cannot be called is kept and not called.
    const isHandler = typeof value === "function" ||
      typeof value === "object" && value !== null;
    this.#values[type] = isHandler ? value : null;
    const listener = this.#listeners[type] ??= (event) => {
      const handler = this.#values[type];
      if (typeof handler === "function") handler.call(this.#target, event);
    };
    // Twice the same listener is added once.
    if (!isHandler) this.#target.removeEventListener(type, listener);
    else if (!dispatchCallsHandlers()) {
      this.#target.addEventListener(type, listener);
    }
  }
}

/**
 * Tells whether dispatching an event calls the property `on…` of the target by itself, as workerd does
 * (2026-11-17, without its flag spec_compliant_event_handler_attributes): a listener would be the second call.
 */
function dispatchCallsHandlers(): boolean {
  let isCalled = false;
  const onprobe = (): void => void (isCalled = true);
  Object.assign(new EventTarget(), { onprobe }).dispatchEvent(
    new Event("probe"),
  );
  return isCalled;
}
