/** A Worker whose object runs a script with a fault at each call of its storage, and responds with the outcome. */
import {
  DurableObjectLog,
  type DurableObjectLogStorage,
} from "../../../src/durable_object/log.ts";
import { eachFault, type Faults } from "../../faults/_faults.ts";
import { logScript } from "../../faults/_log_script.ts";
import type { Namespace } from "./log_worker.ts";
import { toOutcome } from "./outcome.ts";
import { pause } from "../../../tools/pause.ts";

interface Storage extends DurableObjectLogStorage {
  deleteAll(): Promise<void>;
  deleteAlarm(): Promise<void>;
}

const DELAYS = { late: 5, tooLate: 60 };

/** A storage every call of which is a step. */
function stepStorage(
  storage: Storage,
  faults: Faults,
): DurableObjectLogStorage {
  return {
    sql: {
      exec: (query, ...bindings) =>
        faults.stepSync("exec", () => storage.sql.exec(query, ...bindings)),
    },
    transactionSync: (closure) =>
      faults.stepSync(
        "transaction",
        () => storage.transactionSync(closure),
        ["throw", "lose"],
      ),
    sync: () => faults.step("sync", () => storage.sync()),
    getAlarm: () => faults.step("getAlarm", () => storage.getAlarm()),
    setAlarm: (time) => faults.step("setAlarm", () => storage.setAlarm(time)),
  };
}

/** An object for scripts alone. */
export class FaultsObject {
  readonly #storage: Storage;

  constructor({ storage }: { storage: Storage }) {
    this.#storage = storage;
  }

  async fetch(): Promise<Response> {
    return Response.json(await toOutcome(() => this.#run()));
  }

  alarm(): void {}

  #run(): Promise<number> {
    return eachFault(async (faults) => {
      const storage = this.#storage;
      await storage.deleteAlarm();
      await storage.deleteAll();
      await logScript(faults, {
        faulty: new DurableObjectLog(stepStorage(storage, faults)),
        sound: new DurableObjectLog(storage),
        // The platform's calls always settle, so a log needs no timeout for them.
        patience: 30,
      });
      while (!faults.isOver) await pause(5);
    }, DELAYS);
  }
}

export default {
  fetch(request: Request, env: Record<string, Namespace>): Promise<Response> {
    const namespace = env.FaultsObject!;
    return namespace.get(namespace.idFromName("only")).fetch(request);
  },
};
