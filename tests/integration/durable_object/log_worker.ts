/**
 * A Worker of Durable Objects that hold a log: `POST /CLASS/NAME/OPERATION` with the arguments as a JSON array runs one
 * operation in the object of that name and answers with its outcome.
 */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object/log.ts";
import type { RetentionOptions } from "../../../src/log/log.ts";
import { toOutcome } from "./outcome.ts";
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

  async fetch(request: Request): Promise<Response> {
    const operation = new URL(request.url).pathname.split("/").at(-1);
    const args = await request.json();
    return Response.json(await toOutcome(() => this.#run(operation!, args)));
  }

  protected get opened(): DurableObjectLog {
    return this.#log ??= new DurableObjectLog(this.#storage, this.#options);
  }

  // deno-lint-ignore no-explicit-any -- the test that passes them knows their types
  #run(operation: string, args: any[]): unknown {
    const log = this.opened;
    switch (operation) {
      case "open":
        this.#options = args[0];
        this.#log = undefined;
        return this.opened && null;
      case "append":
        return log.append(args[0], args[1]);
      case "appendAll":
        return Promise.all(
          // deno-lint-ignore no-explicit-any -- likewise
          args.map((each: any[]) =>
            toOutcome(() => log.append(each[0], each[1]))
          ),
        );
      case "read":
        return log.read(args[0], args[1]);
      case "expire":
        return log.expire(args[0]);
      case "setAlarm":
        return this.#storage.setAlarm(args[0]);
      case "deleteAll":
        return this.#storage.deleteAll();
      case "sql":
        return this.#storage.sql.exec(args[0], ...args.slice(1)).toArray();
      case "state":
        return this.#state();
      case "watch":
        return log.watch(() => this.#wakes++, new AbortController().signal);
      case "hold":
        return this.#hold();
      default:
        throw new Error(`There is no operation ${operation}`);
    }
  }

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
