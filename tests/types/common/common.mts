/**
 * What compiles and what does not, in every setting. The files end in `.mts` so that Deno leaves them to the `tsc` of
 * `tests/integration/types_test.ts`: each is compiled against the packed package and the library of its setting alone.
 */
import {
  connect,
  decode,
  defineEvents,
  EventDecoderStream,
  EventEncoderStream,
  EventSource,
  EventStreamError,
  respond,
  type ServerSentEvent,
  storageCursor,
} from "@rivulet/sse";
import type {
  EventSourceErrorEvent,
  FetchInit,
  HeadersSource,
} from "@rivulet/sse/client";

declare const url: string;
declare const response: Response;
declare const text: EventSource;

/** Compiles only for a type that is not `any`. */
type NotAny<T> = 0 extends 1 & T ? never : T;
function known<T>(value: NotAny<T>): T {
  return value;
}

export async function receiving(): Promise<void> {
  for await (const event of connect(url)) {
    known<typeof event>(event);
    known<typeof event.data>(event.data);
    const { data, event: name, id }: ServerSentEvent = event;
    // @ts-expect-error: data is text, which has no such member
    data.price;
    // @ts-expect-error: a name is text
    const wrong: number = name;
    void [wrong, id];
  }
  const stream = decode(response, { until: "[DONE]", idleTimeout: 30_000 });
  for await (const event of stream) {
    known<typeof event>(event);
    // @ts-expect-error: data is text, which has no such member
    event.data.price;
  }
  respond(new Request(url), stream);
  const decoder = new EventDecoderStream();
  known<typeof decoder.readable>(decoder.readable);
  for await (const event of response.body!.pipeThrough(decoder)) {
    known<typeof event>(event);
    // @ts-expect-error: data is text, which has no such member
    event.data.price;
  }
  decoder.readable.pipeThrough(new EventEncoderStream());
  const error = new EventStreamError("truncated", "why");
  known<typeof error.response>(error.response);
  // @ts-expect-error: there is no such code
  error.code === "broken";
}

export function options(): void {
  const list: [string, string][] = [["authorization", "Bearer secret"]];
  const sources: HeadersSource[] = [{ a: "b" }, new Headers(), list];
  for (const headers of sources) connect(url, { headers });
  connect(url, { headers: () => Promise.resolve({ a: "b" }) });
  connect(url, {
    method: "POST",
    body: "{}",
    signal: new AbortController().signal,
  });
  connect(url, { method: "POST", body: new Uint8Array(3) });
  connect(url, { cursor: { load: () => "1", save: (id) => void id } });
  const items = new Map<string, string>();
  storageCursor({
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }, "key");
  // @ts-expect-error: headers are not a number
  connect(url, { headers: 42 });
  // @ts-expect-error: headers are not a number
  new EventSource(url, { headers: 42 });
  // @ts-expect-error: a header is text
  connect(url, { headers: { a: 1 } });
  // @ts-expect-error: a body is not a number
  connect(url, { body: 42 });
  // @ts-expect-error: a signal is an AbortSignal
  connect(url, { signal: {} });
  // @ts-expect-error: there is no such option
  connect(url, { header: {} });
  // @ts-expect-error: a store has save() too
  connect(url, { cursor: { load: () => "" } });
  // @ts-expect-error: headers are not a number
  respond(new Request(url), [], { headers: 42 });
}

export function fetching(): void {
  connect(url, { fetch });
  connect(url, { fetch: (url, init) => fetch(url, init) });
  connect(url, {
    fetch: (url, init) =>
      fetch(url, { ...init, headers: { ...init.headers, authorization: "" } }),
  });
  connect(url, {
    fetch: (url, init) => {
      known<typeof init>(init);
      known<typeof init.headers>(init.headers);
      const headers = new Headers(init.headers);
      headers.set("authorization", "");
      return fetch(url, { ...init, headers });
    },
  });
  connect(url, {
    fetch: (url, init: RequestInit) => fetch(url, init),
  });
  connect(url, {
    fetch: (url: string, init: FetchInit) => {
      // @ts-expect-error: the headers are a plain object
      init.headers.set("authorization", "");
      return fetch(url, init);
    },
  });
  // @ts-expect-error: a fetch gives a response
  connect(url, { fetch: () => 42 });
}

export function listening(): void {
  const source = new EventSource(url, { withCredentials: true });
  const state: 0 | 1 | 2 = source.readyState;
  void state;
  source.onmessage = (event) => {
    known<typeof event>(event);
    known<typeof event.data>(event.data);
    const { data, origin, lastEventId } = event;
    void [data.length, origin.length, lastEventId.length];
    // @ts-expect-error: data is text, which has no such member
    data.price;
    // @ts-expect-error: there is no such member
    event.price;
  };
  source.onopen = (event) => {
    known<typeof event>(event);
    const type: string = event.type;
    void type;
    // @ts-expect-error: there is no such member
    event.price;
  };
  source.onerror = (event) => {
    known<typeof event>(event);
    // @ts-expect-error: the server's own event "error" has no message
    event.message.length;
    if ("message" in event) {
      const error: EventSourceErrorEvent = event;
      void [error.message.length, error.status, error.response];
    } else {
      void event.data.length;
    }
  };
  source.addEventListener("tick", (event) => {
    known<typeof event>(event);
    void event.data.length;
    // @ts-expect-error: data is text, which has no such member
    event.data.price;
  }, { once: true });
  const listener = { handleEvent: (event: Event) => void event.type };
  source.addEventListener("tick", listener);
  source.removeEventListener("tick", listener);
  source.addEventListener("tick", null);
  // @ts-expect-error: a listener is a function or an object
  source.addEventListener("tick", 42);
  // @ts-expect-error: a listener takes an event
  source.addEventListener("tick", (event: number) => event);
  // @ts-expect-error: readyState cannot be set
  source.readyState = 1;
  // @ts-expect-error: EventSource has no end marker
  new EventSource(url, { until: "[DONE]" });
}

interface Price {
  price: number;
}

declare const price: {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): { readonly value: Price };
    readonly types?: { readonly input: Price; readonly output: Price };
  };
};

export async function contracts(): Promise<void> {
  const contract = defineEvents({ tick: price });
  const source = new EventSource(url, { contract });
  source.addEventListener("tick", (event) => {
    known<typeof event>(event);
    const { price }: Price = event.data;
    void price;
    // @ts-expect-error: the contract names no such member
    event.data.prise;
  });
  for await (const event of connect(url, { contract })) {
    if (event.event !== "tick") continue;
    known<typeof event.data>(event.data);
    void event.data.price;
    // @ts-expect-error: the contract names no such member
    event.data.prise;
  }
}

void text;
