import type { EventLog } from "../../src/log/log.ts";
import { receive, stamped, type Way } from "./measure.ts";

const NEXT = new TextEncoder().encode("\n");

/** A process of a script that publishes to a log in a file. */
export class OtherProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(script: string, path: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--unstable-kv", script, path],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.getReader();
  }

  /** From there to a log here. */
  async way(log: EventLog, signal: AbortSignal): Promise<Way> {
    return {
      publish: async () => {
        await this.#writer.write(NEXT);
        await this.#reader.read();
      },
      delays: await receive(log, signal),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#child.status;
    await this.#reader.cancel();
  }
}

/** Publishes an event for each line of the standard input, and answers each with one. */
export async function publishLines(log: EventLog): Promise<void> {
  for await (const _ of Deno.stdin.readable) {
    await log.append([{ kind: "event", body: stamped() }]);
    await Deno.stdout.write(NEXT);
  }
}
