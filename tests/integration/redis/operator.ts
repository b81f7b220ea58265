import type { LogPosition } from "../../../src/log/log.ts";
import type { Connection } from "../logs/libraries.ts";

const ALL = { entries: 10_000, bytes: 1_000_000 };

/** Operations on logs, in this process or in another. */
export interface Operator {
  append(name: string, body: string): Promise<LogPosition>;
  read(name: string): Promise<string[]>;
  watch(name: string): Promise<void>;
  /** How often the watch was notified. */
  wakes(name: string): Promise<number>;
  unwatch(name: string): Promise<void>;
}

/** Runs operations over a connection. */
export function operatorOf(connection: Connection): Operator {
  const watches = new Map<string, { stop: () => void; wakes: number }>();
  const open = (name: string) => connection.log(name);
  return {
    append: (name, body) => open(name).append([{ kind: "event", body }]),
    read: async (name) =>
      (await open(name).read(0, ALL)).entries.map(({ body }) => body),
    // deno-lint-ignore require-await -- in another process the operations are asynchronous
    async watch(name) {
      const controller = new AbortController();
      const watch = { stop: () => controller.abort(), wakes: 0 };
      watches.set(name, watch);
      open(name).watch(() => watch.wakes++, controller.signal);
    },
    wakes: (name) => Promise.resolve(watches.get(name)!.wakes),
    unwatch: (name) => Promise.resolve(watches.get(name)!.stop()),
  };
}
