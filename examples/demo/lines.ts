interface Line {
  readonly request: Request;
  readonly controller: AbortController;
  isSilent: boolean;
}

/** The connection to each browser, so that its visitor can break it. */
export class Lines {
  readonly #lines = new Map<string, Line>();

  /** Answers with a response that can be broken. */
  async open(
    browser: string,
    request: Request,
    respond: (signal: AbortSignal) => Promise<Response>,
  ): Promise<Response> {
    const controller = new AbortController();
    const line: Line = { request, controller, isSilent: false };
    this.#lines.set(browser, line);
    const response = await respond(controller.signal);
    if (response.body === null) {
      this.close(browser, request);
      return response;
    }
    const body = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          // A client that resumes receives it later.
          if (!line.isSilent) controller.enqueue(chunk);
        },
      }),
    );
    return new Response(body, response);
  }

  /** Forgets a connection that has ended; returns whether the browser has no other. */
  close(browser: string, request: Request): boolean {
    if (this.#lines.get(browser)?.request === request) {
      this.#lines.delete(browser);
    }
    return !this.#lines.has(browser);
  }

  /** Ends the connection, as a proxy or a bad network does. */
  cut(browser: string): void {
    this.#lines.get(browser)?.controller.abort();
  }

  /** Leaves the connection open and sends nothing more, not even keep-alive comments. */
  silence(browser: string): void {
    const line = this.#lines.get(browser);
    if (line !== undefined) line.isSilent = true;
  }
}
