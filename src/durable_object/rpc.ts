import { EventStreamError, type EventStreamErrorCode } from "../error.ts";
import type {
  PublishInit,
  PublishOptions,
  StartPosition,
} from "../server/mod.ts";
import type { HeadersSource } from "../internal/web.ts";

/** Options of {@linkcode DurableChannel.respond}. The defaults are the options of the object's channel. */
export interface DurableRespondOptions {
  /** The start position for a client that sends no `Last-Event-ID`. */
  from?: StartPosition | undefined;
  /** Where to continue after a gap: at the `"earliest"` stored event, or after the `"latest"`. */
  gap?: "earliest" | "latest" | undefined;
  /** The names of the events to send. For a filter function, override `respond()` of {@linkcode ChannelObject}. */
  filter?: readonly string[] | undefined;
  /** Headers to add to the response. */
  headers?: HeadersSource | undefined;
  /**
   * Aborting it ends the response; for the object, the client has disconnected. With a signal, the bytes pass through
   * the Worker's code, which counts as its CPU time.
   */
  signal?: AbortSignal | undefined;
}

/** An operation on a channel. Operations run in the order of the calls. */
export type ChannelStep =
  | {
    readonly kind: "publish";
    readonly events: readonly PublishInit[];
    readonly options: PublishOptions;
  }
  | { readonly kind: "close" };

/** The outcome of a step: the ID of the last published event, or an error. */
export type StepOutcome =
  | { readonly id: string | null }
  | { readonly error: RemoteError };

/** A call to a channel's object. */
export type ObjectCall =
  | { readonly kind: "steps"; readonly steps: readonly ChannelStep[] }
  | {
    readonly kind: "respond";
    readonly url: string;
    readonly options: Omit<DurableRespondOptions, "signal">;
  };

/**
 * The URL of calls. The domain cannot exist (RFC 6761, section 6.4), so no client can send a request to it. A Worker
 * that forwards a client's request unchanged therefore never forwards a forged call.
 */
const CALL_URL = "https://rivulet.invalid/";
const CALL_HEADER = "rivulet-call";
const ERROR_HEADER = "rivulet-error";

/** Encodes a call as a request. A call to respond is based on the client's request. */
export function packCall(call: ObjectCall, request?: Request): Request {
  const text = JSON.stringify(call);
  if (request === undefined) {
    return new Request(CALL_URL, { method: "POST", body: text });
  }
  const { method, signal } = request;
  const headers = new Headers(request.headers);
  // A header cannot contain characters above U+00FF.
  headers.set(CALL_HEADER, encodeURIComponent(text));
  return new Request(CALL_URL, { method, headers, signal });
}

/** Decodes a call in the object. Returns `undefined` if the request is not a call. */
export async function unpackCall(
  request: Request,
): Promise<ObjectCall | undefined> {
  if (request.url !== CALL_URL) return undefined;
  const header = request.headers.get(CALL_HEADER);
  return JSON.parse(
    header === null ? await request.text() : decodeURIComponent(header),
  );
}

/** Restores the client's request from a call to respond. */
export function unpackRequest(request: Request, url: string): Request {
  const { method, signal } = request;
  const headers = new Headers(request.headers);
  headers.delete(CALL_HEADER);
  return new Request(url, { method, headers, signal });
}

/** Creates the response to a call that failed. */
export function errorResponse(error: unknown): Response {
  const headers = { [ERROR_HEADER]: "1" };
  return Response.json(packError(error), { status: 500, headers });
}

/** Returns the response to a call, or throws the error that it contains. */
export async function passResponse(response: Response): Promise<Response> {
  if (!response.headers.has(ERROR_HEADER)) return response;
  throw unpackError(await response.json() as RemoteError);
}

/** Returns the outcome of each step of a call. */
export async function unpackOutcomes(
  response: Response,
): Promise<StepOutcome[]> {
  return await (await passResponse(response)).json();
}

/** Returns the ID of the last published event, or throws the error of the step. */
export function unpackId(outcome: StepOutcome): string | null {
  if ("error" in outcome) throw unpackError(outcome.error);
  return outcome.id;
}

/** An error as JSON, to be sent to a caller in another isolate. */
export interface RemoteError {
  readonly name: string;
  readonly message: string;
  readonly code?: EventStreamErrorCode;
  readonly cause?: RemoteError;
}

/** Converts an error to JSON, with the properties that a caller can branch on. */
export function packError(error: unknown): RemoteError {
  if (!(error instanceof Error)) {
    return { name: "Error", message: String(error) };
  }
  const { name, message, cause } = error;
  return {
    name,
    message,
    ...error instanceof EventStreamError && { code: error.code },
    ...cause !== undefined && { cause: packError(cause) },
  };
}

/** Restores an error: an `EventStreamError`, a `TypeError` or a `RangeError`, or else an `Error`. */
export function unpackError(packed: RemoteError): Error {
  const { name, message, code } = packed;
  const options = packed.cause && { cause: unpackError(packed.cause) };
  if (code !== undefined) return new EventStreamError(code, message, options);
  if (name === "TypeError") return new TypeError(message, options);
  if (name === "RangeError") return new RangeError(message, options);
  return new Error(message, options);
}
