/** `createParser()` of eventsource-parser. */
import { EventStreamError } from "../../src/error.ts";
import { BlockParser } from "./blocks.ts";

interface Callbacks {
  onEvent?(
    event: { event: string | undefined; data: string; id: string | undefined },
  ): void;
  onId?(id: string): void;
  onRetry?(milliseconds: number): void;
  onComment?(comment: string): void;
  onError?(error: Error): void;
  maxBufferSize?: number;
}

interface Parser {
  feed(chunk: string): void;
  reset(): void;
}

type ParseError = new (message: string, options: { type: string }) => Error;

export function adaptParser(
  ParseError: ParseError,
): (callbacks: Callbacks) => Parser {
  return ({ onError, maxBufferSize, ...on }) => {
    const encoder = new TextEncoder();
    const make = () =>
      new BlockParser({
        onEvent: ({ event, data, id }) =>
          on.onEvent?.({
            data,
            event: event === "message" ? undefined : event,
            id: id === "" ? undefined : id,
          }),
        onId: (id) => on.onId?.(id),
        onRetry: (milliseconds) => on.onRetry?.(milliseconds),
        onComment: (comment) => on.onComment?.(comment),
      }, maxBufferSize);
    let parser = make();
    let half = "";
    let isOver = false;
    return {
      feed(chunk) {
        if (isOver) throw new Error("Cannot feed: max buffer size exceeded");
        // Strings can be cut inside of a character, which bytes cannot.
        const text = half + chunk;
        half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : "";
        try {
          parser.push(encoder.encode(text.slice(0, text.length - half.length)));
        } catch (error) {
          if (!(error instanceof EventStreamError)) throw error;
          isOver = true;
          const type = "max-buffer-size-exceeded";
          onError?.(new ParseError(error.message, { type }));
        }
      },
      reset() {
        parser = make();
        half = "";
        isOver = false;
      },
    };
  };
}
