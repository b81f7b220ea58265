/** A Worker that runs the cases for any log: `POST /CASE` runs one, by its number, in a fresh Durable Object. */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object/log.ts";
import {
  type TestedLog,
  testEventLog,
} from "../../../src/testing/event_log_suite.ts";
import { LogObject, type Namespace } from "./log_worker.ts";
import { RemoteLog, toOutcome } from "./outcome.ts";

interface Env {
  LogObject: Namespace;
  SuiteObject: Namespace;
}

export { LogObject };

/** An object that runs a case with its own log. */
export class SuiteObject {
  readonly #storage: DurableObjectLogStorage;
  readonly #others: Namespace;
  #logs = 0;
  #open = (): DurableObjectLog => new DurableObjectLog(this.#storage);

  constructor(
    { storage }: { storage: DurableObjectLogStorage },
    env: Env,
  ) {
    this.#storage = storage;
    this.#others = env.LogObject;
  }

  async fetch(request: Request): Promise<Response> {
    const index = Number(new URL(request.url).pathname.slice(1));
    const tests = testEventLog("", (retention): Promise<TestedLog> => {
      // An object holds one log; another one is in another object.
      const isOwn = ++this.#logs === 1;
      if (isOwn) {
        this.#open = () => new DurableObjectLog(this.#storage, retention);
      }
      const other = this.#others.newUniqueId();
      const remoteLog = new RemoteLog(
        "https://object/LogObject/other",
        (request) => this.#others.get(other).fetch(request),
      );
      return Promise.resolve({
        open: isOwn ? this.#open : () => remoteLog,
        close: () => Promise.resolve(),
      });
    });
    return Response.json(await toOutcome(() => tests[index]!.run()));
  }

  alarm(): Promise<void> {
    return this.#open().alarm();
  }
}

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    return env.SuiteObject.get(env.SuiteObject.newUniqueId()).fetch(request);
  },
};
