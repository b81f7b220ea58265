import type { LogPosition } from "../../../src/log/log.ts";
import { type RedisClient, RedisLog } from "../../../src/redis/mod.ts";

const ALL = { entries: 10_000, bytes: 1_000_000 };

/** Runs operations on logs, in this process or in another. */
export class Operator {
  readonly #redis: RedisClient;
  readonly #watches = new Map<string, { stop: () => void; wakes: number }>();

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  append(name: string, body: string): Promise<LogPosition> {
    return this.#open(name).append([{ kind: "event", body }]);
  }

  async read(name: string): Promise<string[]> {
    const { entries } = await this.#open(name).read(0, ALL);
    return entries.map(({ body }) => body);
  }

  // deno-lint-ignore require-await -- as all of them, for it may be done elsewhere
  async watch(name: string): Promise<void> {
    const controller = new AbortController();
    const watch = { stop: () => controller.abort(), wakes: 0 };
    this.#watches.set(name, watch);
    this.#open(name).watch(() => watch.wakes++, controller.signal);
  }

  // deno-lint-ignore require-await
  async wakes(name: string): Promise<number> {
    return this.#watches.get(name)!.wakes;
  }

  // deno-lint-ignore require-await
  async unwatch(name: string): Promise<void> {
    this.#watches.get(name)!.stop();
  }

  #open(name: string): RedisLog {
    return new RedisLog(this.#redis, name, { timeout: 1000 });
  }
}
