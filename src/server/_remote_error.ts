import { EventStreamError, type EventStreamErrorCode } from "../error.ts";

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
