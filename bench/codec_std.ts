/** The codec beside its peers from npm and `@std/http`, for machines that can reach JSR. */
import { ServerSentEventStream } from "@std/http/server-sent-event-stream";
import { ServerSentEventParseStream } from "@std/http/server-sent-event-parse-stream";
import { type CodecReport, measure as measureWith } from "./codec.ts";
import { type Decoder, drain, streamOf } from "./_decode.ts";
import { streamEncoder } from "./_encode.ts";

const decoder: Decoder = {
  name: "@std/http",
  read: (chunks, sink) =>
    drain(streamOf(chunks).pipeThrough(new ServerSentEventParseStream()), sink),
};

const encoder = streamEncoder("@std/http", () => new ServerSentEventStream());

/** Measures everything; if brief, a little of everything, to check that it works. */
export function measure(brief: boolean): Promise<CodecReport> {
  return measureWith(brief, [decoder], [encoder]);
}
