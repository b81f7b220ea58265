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
import { acceptsEventStream, disconnectSignalOf } from "./request.ts";

/**
 * Why a response ended:
 *
 * - `ended`: its source has ended.
 * - `failed`: its source has failed.
 * - `disconnected`: the client has disconnected.
 * - `closed`: the server closed it because of `signal`, `maxConnectionAge` or `drain()`, or the request does not
 *   receive
 *   events.
 */
export type CloseReason = "ended" | "failed" | "disconnected" | "closed";

/** Options of every response that streams events. */
export interface EventResponseOptions {
  /**
   * Headers to add to the response, including responses without events (204, 405, 406, 503). `content-type` cannot be
   * changed.
   *
   * @default {undefined}
   */
  headers?: HeadersSource | undefined;
  /**
   * Milliseconds without a write after which a keep-alive comment is sent, an integer of 4 to 2^31-1, or `false` for
   * none. Bun closes a response after 10 seconds without a write, and Cloudflare ends a Worker that has nothing
   * pending.
   *
   * @default {8000}
   */
  keepAlive?: number | false | undefined;
  /**
   * The reconnection time to send to the client, in milliseconds, an integer of 0 to 2^31-1.
   *
   * @default {undefined} the client's default
   */
  retry?: number | undefined;
  /**
   * Ends the response when it aborts. The close reason is `"closed"`.
   *
   * @default {undefined}
   */
  signal?: AbortSignal | undefined;
  /**
   * The maximum duration of the response in milliseconds, an integer of 1 to 2^31-1. It is closed at a random time
   * between 80 % and 100 % of it, so that reconnections are spread over time and over the servers. Clients resume after
   * their last event.
   *
   * @default {undefined} never
   */
  maxConnectionAge?: number | undefined;
}

export const HEADERS_RULE: Rule = ["valid headers", isHeaders];
export const SIGNAL_RULE: Rule = [
  "an AbortSignal",
  (signal) => signal instanceof AbortSignal,
];

/** Rules for the options of every response. */
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

/** Produces the bytes of one response, after the initial comment. */
export interface BodySource {
  /** Requests bytes, which the source writes now or later. May be called again before the write. */
  pull(): void;
  /** Returns the keep-alive bytes, or `undefined` where they would corrupt unfinished output. */
  keepAlive(): Uint8Array | undefined;
  /** Called once when the body has ended. */
  stop(reason: CloseReason): void;
}

/** Options of {@linkcode eventResponse}. */
export interface ResponseSettings extends EventResponseOptions {
  /** The number of chunks that may be queued for the client. @default {0} */
  highWaterMark?: number | undefined;
  /** Sends keep-alive comments while the body is idle. @default {keepAliveTimer(keepAlive)} */
  timer?: KeepAliveTimer | undefined;
  /** Called once when the response has ended and its source has stopped. */
  onClose?: ((reason: CloseReason) => void) | undefined;
}

/**
 * Answers a request with an event stream. Every response of the package is created here; the callers only supply
 * `open`, which returns the source. The source must not write before its first pull.
 *
 * If the request receives no events, the source is stopped without being read. To open none, call
 * {@linkcode answerWithoutEvents} before.
 */
export function eventResponse(
  request: Request,
  open: (body: EventBody) => BodySource,
  settings: ResponseSettings,
): Response {
  const { headers } = settings;
  const body = new EventBody(request, open, settings);
  const answer = answerWithoutEvents(request, headers);
  if (answer !== undefined) body.end("closed");
  return answer ??
    new Response(body.stream, { headers: eventHeaders(headers) });
}

/** Returns whether {@linkcode eventResponse} answers a request with events. */
export function isSubscription(request: Request): boolean {
  return answerWithoutEvents(request, undefined) === undefined;
}

/** Creates a response that sends a reconnection time and ends. */
export function closedResponse(retry: number, headers: Headers): Response {
  return new Response(encodeEvent({ retry }), {
    headers: eventHeaders(headers),
  });
}

/** The supported methods, as the `Allow` header lists them. */
const ALLOW = "GET, HEAD, POST, OPTIONS";

/** Returns the response to OPTIONS, HEAD, an unsupported method or an `Accept` header that allows no event stream. */
export function answerWithoutEvents(
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

/** Creates a plain-text response. `extra` headers replace the caller's. */
export function textResponse(
  status: number,
  text: string,
  headers: HeadersSource | undefined,
  extra: Record<string, string>,
): Response {
  return new Response(text, {
    status,
    headers: mergeHeaders(headers, { "content-type": "text/plain", ...extra }),
  });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * The shortest comment, which keeps a connection alive. Each response receives a copy, because a reader may transfer
 * the buffer.
 */
export const COMMENT: Uint8Array = /* @__PURE__ */ encode(":\n\n");

/**
 * The body of an event-stream response. It requests bytes from its source when the client reads, and ends exactly once.
 *
 * A pull stays pending until the queue is full. With a high-water mark of 1, writes to a waiting client then need no
 * further pull, which saves an eighth of the CPU time of a delivery (Deno 2.9, Node 20).
 */
export class EventBody implements KeptAlive {
  readonly stream: ReadableStream<Uint8Array>;
  lastTick = 0;
  readonly #source: BodySource;
  readonly #settings: ResponseSettings;
  readonly #timer: KeepAliveTimer | undefined;
  /** Aborts when the client has disconnected. */
  readonly #clientSignal: AbortSignal | undefined;
  readonly #onDisconnect = (): void => this.end("disconnected");
  readonly #onSignal = (): void => this.end("closed");
  #ageTimer: ReturnType<typeof setTimeout> | undefined;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Resolves the pending pull; `undefined` while the queue is full. */
  #resolvePull: (() => void) | undefined;
  /** The chunk in the queue, if it may be shared with other bodies. */
  #queued: Uint8Array | undefined;
  #ended = false;

  constructor(
    request: Request,
    open: (body: EventBody) => BodySource,
    settings: ResponseSettings,
  ) {
    const { retry, highWaterMark = 0 } = settings;
    this.#settings = settings;
    this.#timer = settings.timer ?? keepAliveTimer(settings.keepAlive);
    this.#clientSignal = disconnectSignalOf(request);
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        const first = retry === undefined
          ? COMMENT.slice()
          : encode(encodeEvent({ retry }));
        controller.enqueue(first);
      },
      pull: () =>
        new Promise((resolve) => {
          this.#resolvePull = resolve;
          this.#source.pull();
        }),
      cancel: () => this.#settle("disconnected"),
    }, { highWaterMark });
    this.#source = open(this);
    this.#start();
  }

  #start(): void {
    const { signal, maxConnectionAge } = this.#settings;
    if (this.#clientSignal?.aborted) return this.#onDisconnect();
    if (signal?.aborted) return this.#onSignal();
    addAbortListener(this.#clientSignal, this.#onDisconnect);
    addAbortListener(signal, this.#onSignal);
    this.#timer?.add(this);
    if (maxConnectionAge === undefined) return;
    const age = maxConnectionAge * (0.8 + 0.2 * Math.random());
    this.#ageTimer = setTimeout(this.#onSignal, age);
  }

  /** Whether the client has requested bytes. */
  get wanted(): boolean {
    return this.#resolvePull !== undefined && !this.#ended;
  }

  /** Queues bytes for the client. */
  write(chunk: Uint8Array): void {
    if (this.#ended) return;
    if (this.#timer !== undefined) this.lastTick = this.#timer.now;
    try {
      this.#controller.enqueue(chunk);
      if (this.#controller.desiredSize! <= 0) {
        this.#resolvePull?.();
        this.#resolvePull = undefined;
        if (this.#settings.highWaterMark) this.#queued = chunk;
      }
    } catch {
      // The runtime has closed the stream without cancelling it, so the client has disconnected.
      this.end("disconnected");
    }
  }

  /** Returns whether the client has read an empty chunk, because a reader of another body transferred the bytes. */
  hasLost(): boolean {
    const chunk = this.#queued;
    this.#queued = undefined;
    return chunk?.length === 0;
  }

  /** Sends a keep-alive comment, unless the client has not read the previous bytes yet. */
  sendKeepAlive(): void {
    const chunk = this.wanted ? this.#source.keepAlive() : undefined;
    if (chunk !== undefined) this.write(chunk.slice());
  }

  /** Ends the body after the queued bytes, or with a failure as a stream error. */
  end(reason: CloseReason, failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    try {
      if (failure === undefined) this.#controller.close();
      else this.#controller.error(failure.error);
    } catch {
      // The runtime has already closed the stream.
    }
    this.#settle(reason);
  }

  #settle(reason: CloseReason): void {
    if (this.#ended) return;
    this.#ended = true;
    const { signal, onClose } = this.#settings;
    removeAbortListener(this.#clientSignal, this.#onDisconnect);
    removeAbortListener(signal, this.#onSignal);
    this.#timer?.delete(this);
    clearTimeout(this.#ageTimer);
    this.#source.stop(reason);
    notify(onClose, reason);
  }
}

/** The headers of every event stream. They prevent intermediaries from caching, transforming and buffering it. */
const HEADERS = {
  "cache-control": "no-cache, no-transform",
  "incremental": "?1",
  "x-accel-buffering": "no",
};

/** Returns the headers of an event stream, merged with the caller's, which cannot change the content type. */
function eventHeaders(added: HeadersSource | undefined): Headers {
  const type = { "content-type": "text/event-stream" };
  return mergeHeaders(HEADERS, added, type);
}

/** Merges headers. Later ones replace earlier ones with the same name. */
export function mergeHeaders(
  ...lists: readonly (HeadersSource | undefined)[]
): Headers {
  const headers = new Headers();
  for (const init of lists) {
    const list = new Headers(init);
    for (const name of list.keys()) headers.delete(name);
    list.forEach((value, name) => headers.append(name, value));
  }
  return headers;
}
