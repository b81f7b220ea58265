import { checkInteger, describe, MAX_DELAY } from "../internal/check.ts";

/**
 * Why a response ended: its source came to the end, its source or log failed, the client went away,
 * or the server closed it (`maxAge`, `drain()`, a request that gets no stream).
 */
export type CloseReason = "ended" | "failed" | "disconnected" | "closed";

/** Where a body gets its bytes. */
export interface Feed {
  /**
   * Asks for bytes: to be written now, or whenever there are any. It may be called again before that.
   */
  pull(): void;
  /** Gives what keeps an idle connection alive, `undefined` where it would break what was written. */
  keepAlive(): Uint8Array | undefined;
  /** Called once, when the body has ended. */
  stop(reason: CloseReason): void;
}

/** What a body needs besides its feed. */
interface BodyOptions {
  /** The first bytes. */
  first: Uint8Array;
  /** What keeps it alive while it is idle. */
  pulse?: Pulse | undefined;
  /** Aborts when the client has gone. */
  signal?: AbortSignal | undefined;
}

/**
 * The body of an event-stream response: asks its feed when the client reads, and ends exactly once, by
 * whichever sign comes first.
 */
export class Body implements Pulsed {
  readonly stream: ReadableStream<Uint8Array>;
  lastPulse = 0;
  readonly #feed: Feed;
  readonly #pulse: Pulse | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.end("disconnected");
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #wanted = false;
  #ended = false;

  constructor(feed: Feed, { first, pulse, signal }: BodyOptions) {
    this.#feed = feed;
    this.#pulse = pulse;
    this.#signal = signal;
    this.stream = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        if (first.length > 0) controller.enqueue(first);
      },
      pull: () => {
        this.#wanted = true;
        feed.pull();
      },
      cancel: () => this.#settle("disconnected"),
    }, { highWaterMark: 0 });
    if (signal?.aborted) {
      this.end("disconnected");
      return;
    }
    signal?.addEventListener("abort", this.#onAbort);
    pulse?.add(this);
  }

  /** Tells whether the client waits for bytes. */
  get wanted(): boolean {
    return this.#wanted && !this.#ended;
  }

  /** Tells whether the body has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Hands bytes to the client. */
  write(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#wanted = false;
    if (this.#pulse !== undefined) this.lastPulse = this.#pulse.now;
    try {
      this.#controller.enqueue(chunk);
    } catch {
      // The runtime has torn the stream down without a word: the client has gone.
      this.end("disconnected");
    }
  }

  /** Keeps the connection alive. One that has not taken the last bytes is not idle. */
  beat(): void {
    const chunk = this.#wanted ? this.#feed.keepAlive() : undefined;
    if (chunk !== undefined) this.write(chunk);
  }

  /** Ends the body, behind what was written; with a reason to fail for, fails it. */
  end(reason: CloseReason, failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    try {
      if (failure === undefined) this.#controller.close();
      else this.#controller.error(failure.error);
    } catch {
      // Torn down by the runtime already.
    }
    this.#settle(reason);
  }

  #settle(reason: CloseReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#pulse?.delete(this);
    this.#feed.stop(reason);
  }
}

/** The headers of every event stream: nothing stores, re-codes or holds it back on the way. */
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** Options of a response that streams events. */
export interface EventResponseOptions {
  /**
   * Headers to add. `content-type` stays as it is.
   *
   * @default {undefined}
   */
  headers?: HeadersInit | undefined;
  /**
   * After how many milliseconds of silence a comment is sent, an integer of 4 to 2^31-1, or `false` for
   * never. Bun cuts a response that is quiet for 10 seconds; a Worker with nothing pending is killed.
   *
   * @default {8000}
   */
  keepAlive?: number | false | undefined;
  /**
   * The reconnection time to tell the client, in milliseconds, an integer of 0 to 2^31-1.
   *
   * @default {undefined} what the client thinks fit
   */
  retry?: number | undefined;
}

/** Checks the options that all event responses share. */
export function checkResponseOptions(
  { headers, keepAlive, retry }: EventResponseOptions,
): void {
  new Headers(headers);
  if (keepAlive !== false) {
    checkInteger("Cannot respond: keepAlive", keepAlive, 4, MAX_DELAY);
  }
  checkInteger("Cannot respond: retry", retry, 0, MAX_DELAY);
}

/** Gives the headers of an event stream, with what users add: what comes later stands. */
export function eventHeaders(...added: (HeadersInit | undefined)[]): Headers {
  const headers = new Headers(HEADERS);
  for (const more of added.map((init) => new Headers(init))) {
    for (const name of more.keys()) headers.delete(name);
    more.forEach((value, name) => headers.append(name, value));
  }
  headers.set("content-type", HEADERS["content-type"]);
  return headers;
}

/** Gives the response that a request gets instead of a stream, if it must not get one. */
export function refusal(request: Request): Response | undefined {
  if (acceptsEventStream(request.headers.get("accept"))) return undefined;
  return new Response("This resource is available as text/event-stream only.", {
    status: 406,
    headers: { "content-type": "text/plain", "vary": "accept" },
  });
}

/** Tells whether an `Accept` header lets `text/event-stream` through (RFC 9110, section 12.5.1). */
function acceptsEventStream(accept: string | null): boolean {
  if (accept === null || accept.trim() === "") return true;
  const ranges = ["text/event-stream", "text/*", "*/*"];
  let best = ranges.length;
  let quality = 0;
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";").map((item) =>
      item.trim().toLowerCase()
    );
    const rank = ranges.indexOf(range);
    if (rank === -1 || rank > best) continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    quality = weight === undefined ? 1 : Number(weight.slice(2));
    best = rank;
  }
  return quality > 0;
}

/**
 * The last event ID of a request: the header, else the query's `lastEventId`, for clients that cannot set the
 * header on a first request. `""` when there is none.
 */
export function lastEventIdOf(request: Request): string {
  return sentIdOf(request) ||
    (new URL(request.url).searchParams.get("lastEventId") ?? "");
}

/** The last event ID that the client itself holds: that of the header, whose bytes are UTF-8. */
export function sentIdOf(request: Request): string {
  return utf8(request.headers.get("last-event-id") ?? "");
}

/** Reads a header value that the runtime gave byte by byte as the UTF-8 that it is. */
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
      }`,
    );
  }
}

/** Something that must not be silent for longer than an interval. */
interface Pulsed {
  /** The {@linkcode Pulse.now} of its last sign of life. */
  lastPulse: number;
  /** Asks for a sign of life; one that cannot give it now is asked again at the next look. */
  beat(): void;
}

const TICKS = 4;

/**
 * One timer for all that beats at one interval. It runs while there is anything to look after, and
 * looks four times an interval, so a silence lasts three to four quarters of it.
 */
export class Pulse {
  /** Counts the looks; cheaper to note than the time. */
  now = 0;
  readonly #interval: number;
  readonly #members = new Set<Pulsed>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(interval: number) {
    this.#interval = interval;
  }

  add(member: Pulsed): void {
    member.lastPulse = this.now;
    this.#members.add(member);
    this.#timer ??= setInterval(() => this.#tick(), this.#interval / TICKS);
  }

  delete(member: Pulsed): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    this.now++;
    for (const member of this.#members) {
      if (this.now - member.lastPulse >= TICKS - 1) member.beat();
    }
  }
}

const pulses = /* @__PURE__ */ new Map<number, Pulse>();

/**
 * Gives the process's pulse for an interval in milliseconds. On Cloudflare Workers a timer belongs to
 * the request that set it, and a stream may be written to by its own request alone, so there each
 * caller gets its own.
 */
export function pulseOf(interval: number): Pulse {
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") {
    return new Pulse(interval);
  }
  let pulse = pulses.get(interval);
  if (pulse === undefined) pulses.set(interval, pulse = new Pulse(interval));
  return pulse;
}
