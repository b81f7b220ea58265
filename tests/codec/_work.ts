/** Counts the characters and bytes that built-in methods process. */
export interface Work {
  /** Calls of the counted methods. */
  calls: number;
  /** Characters and bytes that those calls searched, copied or decoded. */
  characters: number;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** The cost of a call: the position where a search stopped, or the length of its result or input. */
const costs: readonly [
  owner: object,
  name: string,
  cost: (self: unknown, args: unknown[], result: unknown) => number,
][] = [
  [String.prototype, "indexOf", searched],
  [String.prototype, "includes", (self) => lengthOf(self)],
  [String.prototype, "search", (self) => lengthOf(self)],
  [String.prototype, "match", (self) => lengthOf(self)],
  [String.prototype, "replace", (self) => lengthOf(self)],
  [String.prototype, "replaceAll", (self) => lengthOf(self)],
  [String.prototype, "split", (self) => lengthOf(self)],
  [String.prototype, "slice", (_self, _args, result) => lengthOf(result)],
  [String.prototype, "substring", (_self, _args, result) => lengthOf(result)],
  [String.prototype, "trim", (self) => lengthOf(self)],
  [Array.prototype, "join", (_self, _args, result) => lengthOf(result)],
  [Array.prototype, "concat", (_self, _args, result) => lengthOf(result)],
  [Uint8Array.prototype, "indexOf", searched],
  [Uint8Array.prototype, "set", (_self, args) => lengthOf(args[0])],
  [Uint8Array.prototype, "slice", (_self, _args, result) => lengthOf(result)],
  [TextDecoder.prototype, "decode", (_self, args) => lengthOf(args[0])],
];

function searched(self: unknown, args: unknown[], result: unknown): number {
  const start = Math.min(Number(args[1] ?? 0), lengthOf(self));
  return (result === -1 ? lengthOf(self) : Number(result) + 1) - start;
}

function lengthOf(value: unknown): number {
  return value === undefined ? 0 : (value as { length: number }).length;
}

/** Runs a synchronous function and counts its work instead of timing it, so that the result is the same on a busy machine. */
export function workOf(run: () => void): Work {
  const work: Work = { calls: 0, characters: 0 };
  const restore = costs.map(([owner, name, cost]) =>
    count(work, owner, name, cost)
  );
  try {
    run();
  } finally {
    for (const undo of restore) undo();
  }
  return work;
}

function count(
  work: Work,
  owner: object,
  name: string,
  cost: (self: unknown, args: unknown[], result: unknown) => number,
) {
  const methods = owner as Record<string, Method>;
  const inherited = !Object.hasOwn(owner, name);
  const original = methods[name] as Method;
  // Assigned, not redefined: Bun's TextDecoder methods are writable but not configurable.
  methods[name] = function (...args) {
    const result = original.apply(this, args);
    work.calls++;
    work.characters += cost(this, args, result);
    return result;
  };
  return (): void => {
    if (inherited) delete methods[name];
    else methods[name] = original;
  };
}
