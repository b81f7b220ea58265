import { encode } from "npm:eventsource-encoder@1.0.1";
import { EventSourceParserStream } from "npm:eventsource-parser@4.1.3/stream";
import { decode } from "../../src/decode.ts";
import { encodeEvent, EventEncoderStream } from "../../src/encode.ts";
import type { ServerSentEvent, ServerSentEventInit } from "../../src/event.ts";
import { respond } from "../../src/server/mod.ts";

/** Answers a request with the origin's response, possibly changed. */
type Way = (request: Request, origin: Response) => Response;

const headers = { "content-type": "text/event-stream" };
const encoder = new TextEncoder();

/** The change that a proxy makes to each event. */
function change({ data, id }: ServerSentEvent): ServerSentEventInit {
  return { event: "delta", data, id };
}

async function* changeAll(
  events: AsyncIterable<ServerSentEvent>,
): AsyncGenerator<ServerSentEventInit> {
  for await (const event of events) yield change(event);
}

function mapping<From, To>(map: (from: From) => To): TransformStream<From, To> {
  return new TransformStream({
    transform: (from, controller) => controller.enqueue(map(from)),
  });
}

/** In batches, each sent as one chunk. */
function inBatches(origin: Response): ReadableStream<Uint8Array<ArrayBuffer>> {
  const batches = decode(origin).batches();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await batches.next();
      if (done) return controller.close();
      const frames = value.map((event) => encodeEvent(change(event)));
      controller.enqueue(encoder.encode(frames.join("")));
    },
    cancel: () => void batches.return(),
  }, { highWaterMark: 0 });
}

function answer(body: ReadableStream<Uint8Array> | null): Response {
  return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, {
    headers,
  });
}

/** Every way to relay, by name. Those without a change pass bytes on as they are. */
export const ways: Record<string, Way> = {
  "pipe": (_, origin) => answer(origin.body),
  "pipe in JavaScript": (_, origin) =>
    answer(origin.body!.pipeThrough(new TransformStream())),
  "pass-through": (request, origin) => respond(request, origin),
  "pass-through with onBreak": (request, origin) =>
    respond(request, origin, { onBreak: () => undefined }),
  "respond()": (request, origin) => respond(request, changeAll(decode(origin))),
  "streams": (_, origin) =>
    answer(
      decode(origin).pipeThrough(mapping(change))
        .pipeThrough(new EventEncoderStream()),
    ),
  "batches()": (_, origin) => answer(inBatches(origin)),
  "eventsource-parser and -encoder": (_, origin) =>
    answer(
      origin.body!.pipeThrough(new TextDecoderStream())
        .pipeThrough(new EventSourceParserStream())
        .pipeThrough(mapping(({ data, id }) =>
          encoder.encode(encode({ event: "delta", data, ...id && { id } }))
        )),
    ),
};
