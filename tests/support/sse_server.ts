/** How a server answers one request. */
export type Answer = (request: Request) => Response | Promise<Response>;

/** The recorded properties of a request. */
export interface Seen {
  readonly method: string;
  readonly lastEventId: string | null;
}

/** A server on a free port that gives its requests the passed answers in order, and then 204. */
export class SseServer implements AsyncDisposable {
  /** The requests in order. */
  readonly requests: Seen[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(...answers: Answer[]) {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(options, (request) => {
      const answer = answers[this.requests.length];
      const { method, headers } = request;
      this.requests.push({ method, lastEventId: headers.get("last-event-id") });
      return answer?.(request) ?? new Response(null, { status: 204 });
    });
  }

  /** `http://127.0.0.1:PORT/` */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const init = { headers: { "content-type": "text/event-stream" } };

/** Answers with an event stream that ends. */
export function stream(text: string): Answer {
  return () => new Response(text, init);
}

/** Answers with an event stream that fails after a text. */
export function broken(text: string): Answer {
  return () => {
    let isFirst = true;
    const body = new ReadableStream({
      pull(controller) {
        if (!isFirst) return controller.error(new Error("Broken"));
        isFirst = false;
        controller.enqueue(new TextEncoder().encode(text));
      },
    }, { highWaterMark: 0 });
    return new Response(body, init);
  };
}

/** Answers with an event stream that stays open until the client disconnects. */
export function endless(text: string): Answer {
  return () =>
    new Response(
      new ReadableStream({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode(text)),
      }),
      init,
    );
}
