/**
 * The responses that go to each tab, so that a visitor can make them fail: what resumes then, and what an idle timeout
 * is for, can be seen.
 */
export class Lines {
  readonly #lines = new Map<string, Set<Line>>();

  /** Puts a line between a response and the tab that it goes to. */
  connect(tab: string, response: Response): Response {
    if (response.body === null) return response;
    const lines = this.#lines.get(tab) ?? new Set();
    this.#lines.set(tab, lines);
    const line = new Line(response.body, () => {
      lines.delete(line);
      if (lines.size === 0) this.#lines.delete(tab);
    });
    lines.add(line);
    return new Response(line.body, response);
  }

  /** Ends the tab's connections, as a server that restarts or a proxy that has had enough. */
  cut(tab: string): void {
    for (const line of this.#lines.get(tab) ?? []) line.cut();
  }

  /** Lets nothing more through, keep-alive neither, and leaves the connections open: they are dead, and nobody says so. */
  silence(tab: string): void {
    for (const line of this.#lines.get(tab) ?? []) line.silence();
  }
}

class Line {
  readonly body: ReadableStream<Uint8Array>;
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  readonly #onEnd: () => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #state: "open" | "silent" | "ended" = "open";

  constructor(source: ReadableStream<Uint8Array>, onEnd: () => void) {
    this.#source = source.getReader();
    this.#onEnd = onEnd;
    this.body = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(),
      cancel: (reason) => this.#end(reason),
    }, { highWaterMark: 0 });
  }

  cut(): void {
    if (this.#state === "ended") return;
    void this.#end();
    this.#controller.close();
  }

  silence(): void {
    if (this.#state === "open") this.#state = "silent";
  }

  async #pull(): Promise<void> {
    try {
      const { done, value } = await this.#source.read();
      // What is read into silence is lost; the client asks for it again.
      if (done) this.cut();
      else if (this.#state === "open") this.#controller.enqueue(value);
    } catch (error) {
      this.#controller.error(error);
      await this.#end(error);
    }
  }

  async #end(reason?: unknown): Promise<void> {
    this.#state = "ended";
    this.#onEnd();
    await this.#source.cancel(reason);
  }
}
