let references: WeakRef<object>[] = [];

/** Takes note of an object that is to be garbage in the end; gives it back. */
export function track<T extends object>(object: T): T {
  references.push(new WeakRef(object));
  return object;
}

/** How many of the objects noted are still there. */
export function countObjects(): number {
  references = references.filter((reference) =>
    reference.deref() !== undefined
  );
  return references.length;
}
