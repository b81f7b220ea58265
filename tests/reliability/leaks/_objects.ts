let references: WeakRef<object>[] = [];

/** Registers an object that must be collected in the end, and returns it. */
export function track<T extends object>(object: T): T {
  references.push(new WeakRef(object));
  return object;
}

/** The number of registered objects that are not collected. */
export function countObjects(): number {
  references = references.filter((reference) =>
    reference.deref() !== undefined
  );
  return references.length;
}
