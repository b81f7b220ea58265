/**
 * A Worker of Durable Objects that hold a log: `POST /CLASS/NAME/OPERATION` with the arguments as a JSON array runs one
 * operation in the object of that name and answers with its outcome.
 */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object/log.ts";
import type { EventLog, RetentionOptions } from "../../../src/log/log.ts";
import { answerCall, type Operations, toOutcome } from "./outcome.ts";
import { pause } from "../../../tools/pause.ts";

interface Storage extends DurableObjectLogStorage {
  deleteAll(): Promise<void>;
}

/** What is used of a binding to a class of Durable Objects. */
export interface Namespace {
  newUniqueId(): unknown;
  idFromName(name: string): unknown;
  get(id: unknown): { fetch(request: Request): Promise<Response> };
}

/** An object with a log and without an alarm, and with a way in for tests. */
export class AlarmlessObject {
  readonly #storage: Storage;
  #options: RetentionOptions = {};
  #log: DurableObjectLog | undefined;
  protected alarms = 0;
  #wakes = 0;

  constructor({ storage }: { storage: Storage }) {
    this.#storage = storage;
  }

  fetch(request: Request): Promise<Response> {
    return answerCall(request, this.#operations);
  }

  protected get opened(): DurableObjectLog {
    return this.#log ??= new DurableObjectLog(this.#storage, this.#options);
  }

  readonly #operations: Operations = {
    open: (options) => {
      this.#options = options;
      this.#log = undefined;
      return this.opened && null;
    },
    append: (...args: Parameters<EventLog["append"]>) =>
      this.opened.append(...args),
    appendAll: (...all: Parameters<EventLog["append"]>[]) =>
      Promise.all(
        all.map((args) => toOutcome(() => this.opened.append(...args))),
      ),
    read: (after, limit) => this.opened.read(after, limit),
    expire: (ttl) => this.opened.expire(ttl),
    setAlarm: (time) => this.#storage.setAlarm(time),
    deleteAll: () => this.#storage.deleteAll(),
    sql: (query, ...values) =>
      this.#storage.sql.exec(query, ...values).toArray(),
    state: () => this.#state(),
    watch: () =>
      this.opened.watch(() => this.#wakes++, new AbortController().signal),
    hold: () => this.#hold(),
  };

  /** Returns what a log does before its storage becomes durable, and after. */
  async #hold() {
    const storage = this.#storage;
    const durable = Promise.withResolvers<void>();
    const log = new DurableObjectLog({
      sql: storage.sql,
      transactionSync: (closure) => storage.transactionSync(closure),
      sync: () => durable.promise,
      getAlarm: () => storage.getAlarm(),
      setAlarm: (time) => storage.setAlarm(time),
    });
    const done: string[] = [];
    log.watch(() => done.push("woken"), new AbortController().signal);
    const append = log.append([{ kind: "event", body: "a" }])
      .then(() => done.push("appended"));
    const read = log.read(0, { entries: 1, bytes: 1 })
      .then(({ entries }) => done.push(`read ${entries[0]!.body}`));
    await pause(20);
    const before = [...done];
    durable.resolve();
    await Promise.all([append, read]);
    return { before, after: done.sort() };
  }

  async #state() {
    return {
      alarm: await this.#storage.getAlarm(),
      alarms: this.alarms,
      wakes: this.#wakes,
      now: Date.now(),
    };
  }
}

/** One with an alarm. */
export class LogObject extends AlarmlessObject {
  async alarm(): Promise<void> {
    this.alarms++;
    await this.opened.alarm();
  }
}

/** The same in a namespace without SQL. */
export class KeyValueObject extends LogObject {}

export default {
  fetch(request: Request, env: Record<string, Namespace>): Promise<Response> {
    const [, className, name] = new URL(request.url).pathname.split("/");
    const namespace = env[className!]!;
    return namespace.get(namespace.idFromName(name!)).fetch(request);
  },
};
