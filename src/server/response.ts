import { encodeEvent } from "../encode.ts";
import { addAbortListener, removeAbortListener } from "../internal/abort.ts";
import {
  isThenable,
  MAX_DELAY,
  type OptionTable,
  type Rule,
} from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import type { HeadersSource } from "../internal/web.ts";
import {
  type KeepAliveTimer,
  keepAliveTimer,
  type KeptAlive,
} from "./keep_alive.ts";
import { acceptsEventStream, departureOf } from "./request.ts";

/**
 * Why a response ended: its source ended or failed, the client disconnected, or the server closed it (`signal`,
 * `maxConnectionAge`, `drain()`, a request that is not answered with events).
 */
export type CloseReason = "ended" | "failed" | "disconnected" | "closed";

/** Options of every response that streams events. */
export interface EventResponseOptions {
  /**
   * Headers to add to the response, also to one without events (204, 405, 406, 503). `content-type` stays as it is.
   *
   * @default {undefined}
   */
  headers?: HeadersSource | undefined;
  /**
   * Milliseconds without a write after which a keep-alive comment is sent, an integer of 4 to 2^31-1, or `false` for
   * none. Bun cuts a response that is quiet for 10 seconds; a Worker with nothing pending is killed.
   *
   * @default {8000}
   */
  keepAlive?: number | false | undefined;
  /**
   * The reconnection time to send to the client, in milliseconds, an integer of 0 to 2^31-1.
   *
   * @default {undefined} the client's own
   */
  retry?: number | undefined;
  /**
   * Ends the response, with the reason `"closed"`.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds after which the response is closed, an integer of 1 to 2^31-1. Each is closed at a random time between
   * 80 % and 100 % of it, so that connections spread over the servers again. Clients resume where they were.
   *
   * @default {undefined} never
   */
  maxConnectionAge?: number | undefined;
}

export const HEADERS_RULE: Rule = ["headers that can be sent", isHeaders];
export const SIGNAL_RULE: Rule = [
  "an AbortSignal",
  (signal) => signal instanceof AbortSignal,
];

/** What the options of every response must be. */
export const RESPONSE_OPTIONS: OptionTable<EventResponseOptions> = {
  headers: HEADERS_RULE,
  keepAlive: [4, MAX_DELAY, false],
  retry: [0, MAX_DELAY],
  signal: SIGNAL_RULE,
  maxConnectionAge: [1, MAX_DELAY],
};

function isHeaders(init: HeadersSource): boolean {
  try {
    new Headers(init);
    return typeof init === "object" && init !== null && !isThenable(init);
  } catch {
    return false;
  }
}

/** Produces the bytes of one response, after the first ones. */
export interface BodySource {
  /** Asks for bytes, to be written now or once there are any. May be called again before that. */
  pull(): void;
  /** Returns what keeps an idle connection alive, `undefined` where it would break what was written. */
  keepAlive(): Uint8Array | undefined;
  /** Called once, when the body has ended. */
  stop(reason: CloseReason): void;
}

/** How a response starts and what ends it. */
interface ResponseSettings extends EventResponseOptions {
  /** How many chunks may wait for the client. @default {0} */
  highWaterMark?: number | undefined;
  /** Used in place of the process's timer for `keepAlive`. */
  timer?: KeepAliveTimer | undefined;
  /** Called once, when the response has ended and its source was stopped. */
  onClose?: ((reason: CloseReason) => void) | undefined;
}

/**
 * Answers a request with an event stream. This is the one place where a response starts: every other function of the
 * package only supplies `open`.
 *
 * A request that is not to be answered with events gets its answer here, and `open` is not called: OPTIONS, HEAD, a
 * method that cannot be a subscription, an `Accept` header without `text/event-stream`.
 */
export function eventResponse(
  request: Request,
  open: (body: EventBody) => BodySource,
  settings: ResponseSettings,
): Response {
  const { headers, keepAlive, retry, timer, onClose } = settings;
  const answer = answerWithoutEvents(request, headers);
  if (answer !== undefined) {
    notify(onClose, "closed");
    return answer;
  }
  const body = new EventBody(open, {
    first: retry === undefined ? COMMENT : encode(encodeEvent({ retry })),
    highWaterMark: settings.highWaterMark,
    timer: timer ?? keepAliveTimer(keepAlive),
    departure: departureOf(request),
    signal: settings.signal,
    maxConnectionAge: settings.maxConnectionAge,
    onClose,
  });
  return new Response(body.stream, { headers: eventHeaders(headers) });
}

/** Tells whether {@linkcode eventResponse} answers a request with events. */
export function isSubscription(request: Request): boolean {
  return request.method !== "HEAD" &&
    answerWithoutEvents(request, undefined) === undefined;
}

/** The methods of a subscription, and those that ask about one. */
const ALLOW = "GET, HEAD, POST, OPTIONS";

function answerWithoutEvents(
  request: Request,
  headers: HeadersSource | undefined,
): Response | undefined {
  const { method } = request;
  if (method === "OPTIONS") {
    return new Response(null, {
      status: 204,
      headers: mergeHeaders({ allow: ALLOW }, headers),
    });
  }
  if (!ALLOW.split(", ").includes(method)) {
    const text = `This resource answers ${ALLOW}.`;
    return textResponse(405, text, headers, { allow: ALLOW });
  }
  if (!acceptsEventStream(request.headers.get("accept"))) {
    const text = "This resource is available as text/event-stream only.";
    return textResponse(406, text, headers, { vary: "accept" });
  }
  if (method !== "HEAD") return undefined;
  return new Response(null, { headers: eventHeaders(headers) });
}

/** Answers with a status and a text; the own headers replace the caller's. */
export function textResponse(
  status: number,
  text: string,
  headers: HeadersSource | undefined,
  own: Record<string, string>,
): Response {
  return new Response(text, {
    status,
    headers: mergeHeaders(headers, { "content-type": "text/plain", ...own }),
  });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * The shortest comment: `":\n\n"`. It keeps a connection alive and means nothing. Each response gets a copy, as a
 * reader may transfer the buffer, which would leave nothing for the others.
 */
export const COMMENT: Uint8Array = /* @__PURE__ */ encode(":\n\n");

/** What a body is made of, and what ends it. */
interface BodyOptions {
  /** The first bytes. */
  first: Uint8Array;
  highWaterMark?: number | undefined;
  /** Keeps it alive while it is idle. */
  timer?: KeepAliveTimer | undefined;
  /** Aborts when the client has disconnected. */
  departure?: AbortSignal | undefined;
  /** Aborts when the server closes the response. */
  signal?: AbortSignal | undefined;
  maxConnectionAge?: number | undefined;
  onClose?: ((reason: CloseReason) => void) | undefined;
}

/**
 * The body of an event-stream response. It asks its source for bytes when the client takes them, and ends exactly once,
 * by whichever sign comes first.
 *
 * The promise of a pull stays pending until the stream is full. With a high-water mark of 1, deliveries to a client that
 * waits need no further pull, which is an eighth of their processor time (Deno 2.9, Node 20).
 */
export class EventBody implements KeptAlive {
  readonly stream: ReadableStream<Uint8Array>;
  lastTick = 0;
  readonly #source: BodySource;
  readonly #options: BodyOptions;
  readonly #onDeparture = (): void => this.end("disconnected");
  readonly #onSignal = (): void => this.end("closed");
  #age: ReturnType<typeof setTimeout> | undefined;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Ends the pull that is pending, `undefined` while the stream is full. */
  #onBehind: (() => void) | undefined;
  #ended = false;

  /** `open` returns the source, which may write from its first pull on. */
  constructor(open: (body: EventBody) => BodySource, options: BodyOptions) {
    this.#options = options;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        const { first } = options;
        if (first.length > 0) controller.enqueue(first.slice());
      },
      pull: () =>
        new Promise((resolve) => {
          this.#onBehind = resolve;
          this.#source.pull();
        }),
      cancel: () => this.#settle("disconnected"),
    }, { highWaterMark: options.highWaterMark ?? 0 });
    this.#source = open(this);
    this.#start();
  }

  #start(): void {
    const { timer, departure, signal, maxConnectionAge } = this.#options;
    if (departure?.aborted) return this.end("disconnected");
    if (signal?.aborted) return this.end("closed");
    addAbortListener(departure, this.#onDeparture);
    addAbortListener(signal, this.#onSignal);
    timer?.add(this);
    if (maxConnectionAge === undefined) return;
    const age = maxConnectionAge * (0.8 + 0.2 * Math.random());
    this.#age = setTimeout(this.#onSignal, age);
  }

  /** Tells whether the client takes bytes now. */
  get wanted(): boolean {
    return this.#onBehind !== undefined && !this.#ended;
  }

  /** Hands bytes to the client. */
  write(chunk: Uint8Array): void {
    if (this.#ended) return;
    const { timer } = this.#options;
    if (timer !== undefined) this.lastTick = timer.now;
    try {
      this.#controller.enqueue(chunk);
      if (this.#controller.desiredSize! <= 0) {
        this.#onBehind?.();
        this.#onBehind = undefined;
      }
    } catch {
      // The runtime has closed the stream without a cancel: the client has disconnected.
      this.end("disconnected");
    }
  }

  /** Sends a keep-alive comment. A client that has not taken the last bytes is not idle. */
  sendKeepAlive(): void {
    const chunk = this.wanted ? this.#source.keepAlive() : undefined;
    if (chunk !== undefined) this.write(chunk.slice());
  }

  /** Ends the body after what was written; with a failure, fails it. */
  end(reason: CloseReason, failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    try {
      if (failure === undefined) this.#controller.close();
      else this.#controller.error(failure.error);
    } catch {
      // The runtime has closed the stream already.
    }
    this.#settle(reason);
  }

  #settle(reason: CloseReason): void {
    if (this.#ended) return;
    this.#ended = true;
    const { timer, departure, signal, onClose } = this.#options;
    removeAbortListener(departure, this.#onDeparture);
    removeAbortListener(signal, this.#onSignal);
    timer?.delete(this);
    clearTimeout(this.#age);
    this.#source.stop(reason);
    notify(onClose, reason);
  }
}

/** The headers of every event stream. They keep intermediaries from storing, changing and delaying it. */
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "incremental": "?1",
  "x-accel-buffering": "no",
};

/** Returns the headers of an event stream, with the caller's. */
function eventHeaders(added: HeadersSource | undefined): Headers {
  const headers = mergeHeaders(HEADERS, added);
  headers.set("content-type", HEADERS["content-type"]);
  return headers;
}

/** Puts headers together: later ones replace earlier ones of the same name. */
export function mergeHeaders(
  ...lists: readonly (HeadersSource | undefined)[]
): Headers {
  const headers = new Headers();
  for (const list of lists.map((init) => new Headers(init))) {
    for (const name of list.keys()) headers.delete(name);
    list.forEach((value, name) => headers.append(name, value));
  }
  return headers;
}
