import { describe, describeUrl } from "../internal/check.ts";
import { decode } from "../decode.ts";
import { type Connection, Notifications } from "../log/notifications.ts";
import type { RedisClient } from "./client.ts";

/** Options of {@linkcode restRedis}. */
export interface RestRedisOptions {
  /** The endpoint: an `http:` or `https:` URL. */
  url: string | URL;
  /** The token for the `Authorization` header. */
  token: string;
}

/**
 * Creates a client for Redis over HTTP, such as [Upstash's](https://upstash.com/docs/redis/features/restapi), for
 * {@linkcode RedisLog} where there are no sockets.
 *
 * A command is one POST request. `fetch()` may resend it if the connection broke before the response, so every append
 * has an idempotency key: yours, or one that Redis remembers for a minute. While a log is watched, all subscriptions
 * share one POST request to `/subscribe/…`, an event stream. A new request replaces it when channels are added.
 *
 * @example
 * ```ts
 * import { RedisLog, restRedis } from "@rivulet/sse/redis";
 * import { EventStreamError } from "@rivulet/sse";
 * import { assertRejects } from "@std/assert";
 *
 * const redis = restRedis({ url: "http://127.0.0.1:9", token: "secret" });
 * const log = new RedisLog(redis, "news");
 * // No server listens there.
 * await assertRejects(() => log.read(0, { entries: 1, bytes: 1 }), EventStreamError);
 * ```
 *
 * @param options The URL and the token.
 * @throws {TypeError} If the URL or the token is invalid.
 */
export function restRedis(options: RestRedisOptions): RedisClient {
  const { url, token } = options;
  const base = checkUrl(url);
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new TypeError(
      "Cannot reach Redis: token must be a string of visible ASCII characters: received something else",
    );
  }
  const post: Post = (path, init) =>
    fetch(base + path, {
      ...init,
      method: "POST",
      // Some runtimes send the token to another origin after a redirect. workerd does not support "error".
      redirect: "manual",
      headers: { ...init.headers, authorization: `Bearer ${token}` },
    });
  const subscriptions = new Notifications((message, lost) =>
    new Listener(post, message, lost)
  );
  return {
    resends: true,
    send: (command, args, signal) => send(post, [command, ...args], signal),
    subscribe: (channel, wake, signal) =>
      subscriptions.add(channel, wake, signal),
  };
}

type Post = (
  path: string,
  init: { body?: string; headers: Record<string, string>; signal: AbortSignal },
) => Promise<Response>;

/** Returns the URL without a trailing slash. */
function checkUrl(url: string | URL): string {
  if (!URL.canParse(url) || !/^https?:/.test(String(url))) {
    throw new TypeError(
      `Cannot reach Redis: url must be an http: or https: URL: received ${
        describeUrl(url)
      }`,
    );
  }
  return String(url).replace(/\/+$/, "");
}

async function send(
  post: Post,
  command: string[],
  signal: AbortSignal,
): Promise<unknown> {
  const body = JSON.stringify(command);
  const headers = { "content-type": "application/json" };
  const response = await post("/", { body, headers, signal });
  const text = await response.text();
  const { result, error } = parse(text) ?? {};
  if (typeof error === "string") throw new Error(error);
  if (response.ok && result !== undefined) return result;
  throw new Error(
    `the answer must hold a result: received status ${response.status} and ${
      describe(text)
    }`,
  );
}

function parse(text: string): { result?: unknown; error?: unknown } | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Subscribes with one event stream at a time. */
class Listener implements Connection {
  readonly #post: Post;
  readonly #message: (channel: string) => void;
  readonly #lost: () => void;
  readonly #channels = new Set<string>();
  readonly #life = new AbortController();
  #stream = new AbortController();

  constructor(
    post: Post,
    message: (channel: string) => void,
    lost: () => void,
  ) {
    this.#post = post;
    this.#message = message;
    this.#lost = lost;
  }

  async open(): Promise<void> {}

  async subscribe(channels: string[]): Promise<void> {
    for (const channel of channels) this.#channels.add(channel);
    const stream = new AbortController();
    const signal = AbortSignal.any([this.#life.signal, stream.signal]);
    const path = [...this.#channels].map(encodeURIComponent).join("/");
    const headers = { accept: "text/event-stream" };
    const response = await this.#post(`/subscribe/${path}`, {
      headers,
      signal,
    });
    // Every channel is woken when the new stream has begun, so nothing is missed in between.
    this.#stream.abort();
    this.#stream = stream;
    const end = () => {
      if (!signal.aborted) this.#lost();
    };
    // Retry, whatever the reason.
    this.#read(response, signal).then(end, end);
  }

  // deno-lint-ignore require-await
  async unsubscribe(channels: string[]): Promise<void> {
    for (const channel of channels) this.#channels.delete(channel);
  }

  close(): void {
    this.#life.abort();
  }

  async #read(response: Response, signal: AbortSignal): Promise<void> {
    for await (const { data } of decode(response, { signal })) {
      // Both `subscribe,CHANNEL,1` at the beginning and `message,CHANNEL,` later are a reason to read.
      const channel = data.slice(data.indexOf(",") + 1, data.lastIndexOf(","));
      this.#message(channel);
    }
  }
}
