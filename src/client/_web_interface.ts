/** Gives a class what the platform's own interfaces have and classes have not (Web IDL, section 3.7). */
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
  // A bundler may have given it another one.
  Object.defineProperty(target, "name", tag);
}
