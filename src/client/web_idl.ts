/** The event handler attributes of a target (WHATWG HTML, section 8.1.8.1, "event handlers"). */
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

  /**
   * Sets a handler. It runs in the position among the listeners at which the first handler was set, until it is set to
   * `null`.
   */
  set(type: string, value: unknown): void {
    // [LegacyTreatNonObjectAsNull]: a value that is not an object is null; an object that cannot be called is kept.
    const isHandler = typeof value === "function" ||
      typeof value === "object" && value !== null;
    this.#values[type] = isHandler ? value : null;
    const listener = this.#listeners[type] ??= (event) => {
      const handler = this.#values[type];
      if (typeof handler === "function") handler.call(this.#target, event);
    };
    // Adding the same listener again has no effect.
    if (isHandler) this.#target.addEventListener(type, listener);
    else this.#target.removeEventListener(type, listener);
  }

  /** Hides the handler from the following dispatch, in runtimes that would call it before all listeners. */
  hide(type: string): void {
    dispatchCallsHandlers ??= probe();
    if (dispatchCallsHandlers) this.#hidden = type;
  }
}

/**
 * Whether dispatching an event calls the `on…` property of the target, as in workerd (2026-11-17, without its flag
 * `spec_compliant_event_handler_attributes`).
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

/**
 * Adds what a Web IDL interface has and a class lacks: enumerable members, constants and a tag (Web IDL, section 3.7).
 */
export function defineInterface(
  target: { readonly prototype: object },
  name: string,
  constants: Record<string, number>,
): void {
  const { prototype } = target;
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member === "constructor") continue;
    Object.defineProperty(prototype, member, { enumerable: true });
  }
  for (const [constant, value] of Object.entries(constants)) {
    for (const holder of [target, prototype]) {
      Object.defineProperty(holder, constant, { value, enumerable: true });
    }
  }
  const tag = { value: name, configurable: true };
  Object.defineProperty(prototype, Symbol.toStringTag, tag);
  // A bundler may have renamed the class.
  Object.defineProperty(target, "name", tag);
}
