/** Types of the web platform that some runtimes' type libraries lack. */

/** The argument of `new Headers()`. The types of Node and Bun lack `HeadersInit`. */
export type HeadersSource = NonNullable<
  ConstructorParameters<typeof Headers>[0]
>;

/**
 * A `MessageEvent` with typed data. Not `MessageEvent<Data>`, because that of Node and Cloudflare has no type
 * parameter.
 *
 * @typeParam Data The type of `data`.
 */
export interface MessageEventOf<Data> extends MessageEvent {
  /** The data. */
  readonly data: Data;
  /** The last event ID as of this event. */
  readonly lastEventId: string;
  /** The origin of the stream's URL, after redirects. */
  readonly origin: string;
}

/** A listener that is an object. */
export interface ListenerObject {
  /** Called with the event. */
  handleEvent(event: Event): void;
}

/** What `removeEventListener()` takes. */
export interface ListenerOptions {
  /** Whether the listener is one of the capturing phase. */
  capture?: boolean;
}

/** What `addEventListener()` takes. */
export interface AddListenerOptions extends ListenerOptions {
  /** Whether the listener is removed before its first call. */
  once?: boolean;
  /** Whether the listener never prevents the default. */
  passive?: boolean;
  /** Aborting removes the listener. */
  signal?: AbortSignal;
}
