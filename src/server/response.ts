import { encodeEvent } from "../encode.ts";
import { addAbortListener, removeAbortListener } from "../internal/abort.ts";
import {
  describe,
  isThenable,
  MAX_DELAY,
  type OptionTable,
  type Rule,
} from "../internal/check.ts";
import { notify } from "../internal/report.ts";
import type { HeadersSource } from "../internal/web.ts";

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

/**
 * The signal that reports that the client has disconnected, where there is no other sign of it. Deno cancels the body
 * at once, also that of a response that comes later; reading the signal makes it print a notice about "legacy"
 * behavior at the first request.
 */
function departureOf(request: Request): AbortSignal | undefined {
  return runtimeIs("Deno") ? undefined : request.signal;
}

function runtimeIs(name: string): boolean {
  return globalThis.navigator?.userAgent?.startsWith(name) ?? false;
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

/** Tells whether an `Accept` header lets `text/event-stream` through (RFC 9110, section 12.5.1). */
function acceptsEventStream(accept: string | null): boolean {
  if (accept === null || accept.trim() === "") return true;
  const ranges = accept.toLowerCase().split(",")
    .map((range) => range.split(";").map((part) => part.trim()));
  for (const name of ["text/event-stream", "text/*", "*/*"]) {
    const range = ranges.findLast(([type]) => type === name);
    if (range === undefined) continue;
    const weight = range.find((parameter) => parameter.startsWith("q="));
    return Number(weight?.slice(2) ?? 1) > 0;
  }
  return false;
}

/**
 * The last event ID of a request: the header, else the query's `lastEventId` for clients that cannot set the header on
 * a first request, else `""`.
 */
export function lastEventIdOf(request: Request): string {
  return sentIdOf(request) ||
    (new URL(request.url).searchParams.get("lastEventId") ?? "");
}

/** The last event ID that the client holds: that of the header, whose bytes are UTF-8. */
export function sentIdOf(request: Request): string {
  return utf8(request.headers.get("last-event-id") ?? "");
}

/** Decodes a header value, of which the runtime made one character per byte, as UTF-8. */
function utf8(value: string): string {
  // deno-lint-ignore no-control-regex -- ASCII is the same both ways
  if (/^[\x00-\x7f]*$/.test(value) || /[^\x00-\xff]/.test(value)) return value;
  const bytes = Uint8Array.from(value, (char) => char.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes,
    );
  } catch {
    return value;
  }
}

/** Throws unless the argument is a request. */
export function checkRequest(request: Request): void {
  if (!(request instanceof Request)) {
    throw new TypeError(
      `Cannot respond: request must be a Request: received ${
        describe(request)
      }: for a handler of (req, res), see getRequestListener() of @hono/node-server`,
    );
  }
}

/** Something that must not be silent for longer than an interval. */
interface KeptAlive {
  /** The {@linkcode KeepAliveTimer.now} of its last write. */
  lastTick: number;
  /** Asks for a write; one that cannot write now is asked again at the next tick. */
  sendKeepAlive(): void;
}

const TICKS = 4;
/** Milliseconds. Below the 10 seconds after which Bun cuts a quiet response. */
const DEFAULT_KEEP_ALIVE = 8000;

/**
 * One timer for all responses with the same interval. It runs while there are any, and ticks four times an interval, so
 * a silence lasts three to four quarters of it.
 */
export class KeepAliveTimer {
  /** Counts the ticks; cheaper to note than the time. */
  now = 0;
  readonly #interval: number;
  readonly #members = new Set<KeptAlive>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(interval: number) {
    this.#interval = interval;
  }

  add(member: KeptAlive): void {
    member.lastTick = this.now;
    this.#members.add(member);
    this.#timer ??= setInterval(() => this.#tick(), this.#interval / TICKS);
  }

  delete(member: KeptAlive): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    this.now++;
    for (const member of this.#members) {
      if (this.now - member.lastTick >= TICKS - 1) member.sendKeepAlive();
    }
  }
}

const timers = /* @__PURE__ */ new Map<number, KeepAliveTimer>();

/**
 * Returns the process's timer for a `keepAlive`, `undefined` for `false`. On Cloudflare Workers a timer belongs to the
 * request that set it, and a stream may be written to by its own request alone, so there each caller gets its own.
 */
export function keepAliveTimer(
  keepAlive: number | false = DEFAULT_KEEP_ALIVE,
): KeepAliveTimer | undefined {
  if (keepAlive === false) return undefined;
  if (runtimeIs("Cloudflare-Workers")) return new KeepAliveTimer(keepAlive);
  let timer = timers.get(keepAlive);
  if (timer === undefined) {
    timers.set(keepAlive, timer = new KeepAliveTimer(keepAlive));
  }
  return timer;
}
