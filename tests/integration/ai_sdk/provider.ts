/** A model provider whose answers the test controls. */

import { until } from "../../support/until.ts";

type Controller = ReadableStreamDefaultController<string>;

/** Serves answers as lines of text; disposing of it ends them. */
export class Provider implements AsyncDisposable {
  /** How many answers were asked for. */
  asked = 0;
  /** The status of the next answers. */
  status = 200;
  readonly #running = new Set<Controller>();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => this.#answer(),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** How many answers are being read. */
  get running(): number {
    return this.#running.size;
  }

  /** Waits until this many answers were requested. */
  async isAsked(count: number): Promise<void> {
    await until(() => this.asked === count);
  }

  /** Sends words to all that read an answer. */
  say(...words: string[]): void {
    for (const controller of this.#running) {
      for (const word of words) controller.enqueue(`${word}\n`);
    }
  }

  /** Ends all answers. */
  end(): void {
    for (const controller of this.#running) controller.close();
    this.#running.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    await this.#server.shutdown();
  }

  #answer(): Response {
    this.asked++;
    if (this.status !== 200) {
      return new Response("secret", { status: this.status });
    }
    let own: Controller;
    const lines = new ReadableStream<string>({
      start: (controller) => void this.#running.add(own = controller),
      cancel: () => void this.#running.delete(own),
    });
    return new Response(lines.pipeThrough(new TextEncoderStream()));
  }
}
