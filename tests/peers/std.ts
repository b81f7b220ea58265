/** The streams of `@std/http`. */
import { EventEncoderStream } from "../../src/encode.ts";
import { BlockParser } from "./blocks.ts";

interface Message {
  comment?: string;
  event?: string;
  data?: string;
  id?: string;
  retry?: number;
}

export { EventEncoderStream as ServerSentEventStream };

export class ServerSentEventParseStream
  extends TransformStream<Uint8Array, Message> {
  constructor({ ignoreComments = false }: { ignoreComments?: boolean } = {}) {
    let message: Message = {};
    let comments: string[] = [];
    let parser!: BlockParser;
    super({
      start(controller) {
        parser = new BlockParser({
          onComment: (comment) => void comments.push(comment),
          onId: (id) => void (message.id = id),
          onRetry: (retry) => void (message.retry = retry),
          onEvent({ event, data }) {
            message.data = data;
            if (event !== "message") message.event = event;
          },
          onEnd() {
            if (!ignoreComments && comments.length > 0) {
              message.comment = comments.join("\n");
            }
            if (Object.keys(message).length > 0) controller.enqueue(message);
            message = {};
            comments = [];
          },
        });
      },
      transform: (chunk) => parser.push(chunk),
    });
  }
}
