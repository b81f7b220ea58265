import { EventStreamError, type EventStreamErrorCode } from "../error.ts";
import type {
  PublishInit,
  PublishOptions,
  StartPosition,
} from "../server/mod.ts";
import type { HeadersSource } from "../internal/web.ts";

/** Options of {@linkcode DurableChannel.respond}; what is left out is as the object's own. */
export interface DurableRespondOptions {
  /** Where to begin without an ID to resume from. */
  from?: StartPosition | undefined;
  /** Where to go on after a gap: with the `"earliest"` event stored or after the `"latest"`. */
  gap?: "earliest" | "latest" | undefined;
  /** The names of the events to send. A predicate belongs in the object: see {@linkcode ChannelObject}. */
  filter?: readonly string[] | undefined;
  /** Headers to add to the object's. */
  headers?: HeadersSource | undefined;
  /**
   * Ends the response. The bytes then pass through this Worker's code, which counts as its CPU time. The object sees a
   * client that has disconnected.
   */
  signal?: AbortSignal | undefined;
}

/** What is to be done to a channel, in the order in which it was asked for. */
export type ChannelStep =
  | {
    readonly kind: "publish";
    readonly events: readonly PublishInit[];
    readonly options: PublishOptions;
  }
  | { readonly kind: "close" };

/** What came of a step: the ID of what was published, or an error. */
export type StepOutcome =
  | { readonly id: string | null }
  | { readonly error: RemoteError };

/** What a caller asks of a channel's object. */
export type ObjectCall =
  | { readonly kind: "steps"; readonly steps: readonly ChannelStep[] }
  | {
    readonly kind: "respond";
    readonly url: string;
    readonly options: Omit<DurableRespondOptions, "signal">;
  };

/**
 * Where calls go: no client can send a request there, as nobody can have that name (RFC 6761, section
 * 6.4). So a Worker that passes a client's request on as it is cannot be made to pass on a call.
 */
const CALL_URL = "https://rivulet.invalid/";
const CALL_HEADER = "rivulet-call";
const ERROR_HEADER = "rivulet-error";

/** Makes a call fit for the way to the object; one to respond goes with the client's request. */
export function packCall(call: ObjectCall, request?: Request): Request {
  const text = JSON.stringify(call);
  if (request === undefined) {
    return new Request(CALL_URL, { method: "POST", body: text });
  }
  const { method, signal } = request;
  const headers = new Headers(request.headers);
  // A header carries no text beyond U+00FF.
  headers.set(CALL_HEADER, encodeURIComponent(text));
  return new Request(CALL_URL, { method, headers, signal });
}

/** Reads a call in the object, `undefined` if the request is none. */
export async function unpackCall(
  request: Request,
): Promise<ObjectCall | undefined> {
  if (request.url !== CALL_URL) return undefined;
  const header = request.headers.get(CALL_HEADER);
  return JSON.parse(
    header === null ? await request.text() : decodeURIComponent(header),
  );
}

/** Makes the client's request again, of a call to respond. */
export function unpackRequest(request: Request, url: string): Request {
  const { method, signal } = request;
  const headers = new Headers(request.headers);
  headers.delete(CALL_HEADER);
  return new Request(url, { method, headers, signal });
}

/** Answers a call with its error. */
export function errorResponse(error: unknown): Response {
  const headers = { [ERROR_HEADER]: "1" };
  return Response.json(packError(error), { status: 500, headers });
}

/** Gives the response to a call, or throws the error that it holds. */
export async function passResponse(response: Response): Promise<Response> {
  if (!response.headers.has(ERROR_HEADER)) return response;
  throw unpackError(await response.json() as RemoteError);
}

/** Gives what came of each step of a call. */
export async function unpackOutcomes(
  response: Response,
): Promise<StepOutcome[]> {
  return await (await passResponse(response)).json();
}

/** Gives the ID of what was published, or throws the error of a step. */
export function unpackId(outcome: StepOutcome): string | null {
  if ("error" in outcome) throw unpackError(outcome.error);
  return outcome.id;
}

/** An error as JSON, on its way to a caller in another isolate. */
export interface RemoteError {
  readonly name: string;
  readonly message: string;
  readonly code?: EventStreamErrorCode;
  readonly cause?: RemoteError;
}

/** Makes an error fit for JSON, with what a caller can branch on. */
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

/** Makes the error again: of the same class where a caller can branch on it, else an `Error`. */
export function unpackError(packed: RemoteError): Error {
  const { name, message, code } = packed;
  const options = packed.cause && { cause: unpackError(packed.cause) };
  if (code !== undefined) return new EventStreamError(code, message, options);
  if (name === "TypeError") return new TypeError(message, options);
  if (name === "RangeError") return new RangeError(message, options);
  return new Error(message, options);
}
