import { type Process, startDeno } from "../../tools/process.ts";
import type { EventLog } from "../../src/log/log.ts";
import { receive, stamped, type Way } from "./measure.ts";

const NEXT = new TextEncoder().encode("\n");

/** A process that publishes to a log in a file. */
export class OtherProcess implements AsyncDisposable {
  readonly #process: Process;

  constructor(script: string, path: string) {
    this.#process = startDeno(script, [path], { input: true });
  }

  /** The path from there to a log here. */
  async way(log: EventLog, signal: AbortSignal): Promise<Way> {
    return {
      publish: async () => {
        await this.#process.say("");
        await this.#process.line();
      },
      delays: await receive(log, signal),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.endInput();
    await this.#process.ended;
  }
}

/** Publishes an event for each line of the standard input, and prints a line for each. */
export async function publishLines(log: EventLog): Promise<void> {
  for await (const _ of Deno.stdin.readable) {
    await log.append([{ kind: "event", body: stamped() }]);
    await Deno.stdout.write(NEXT);
  }
}
