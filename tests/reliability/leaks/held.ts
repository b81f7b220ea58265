/**
 * Counts the objects and timers that a runtime holds. Imported before everything else, so that every timer set later is
 * counted.
 */
const timers = new Set<unknown>();
let references: WeakRef<object>[] = [];
const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;

Object.assign(globalThis, {
  setTimeout(callback: () => void, delay?: number, ...args: []) {
    const timer = setTimeout(() => {
      timers.delete(timer);
      callback(...args);
    }, delay);
    timers.add(timer);
    return timer;
  },
  setInterval(...args: Parameters<typeof setInterval>) {
    const timer = setInterval(...args);
    timers.add(timer);
    return timer;
  },
  clearTimeout(timer?: number) {
    timers.delete(timer);
    clearTimeout(timer);
  },
  clearInterval(timer?: number) {
    timers.delete(timer);
    clearInterval(timer);
  },
});

/** Registers an object that must be collected in the end, and returns it. */
export function track<T extends object>(object: T): T {
  references.push(new WeakRef(object));
  return object;
}

/** Counts the registered objects that are not collected, and the timers that have neither fired nor been cleared. */
export function countHeld(): { objects: number; timers: number } {
  references = references.filter((reference) => reference.deref());
  return { objects: references.length, timers: timers.size };
}
