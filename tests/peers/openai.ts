/** The reader of event streams in openai-node. */
import { decode } from "../../src/decode.ts";

export async function* _iterSSEMessages(
  { body }: Response,
): AsyncGenerator<{ event: string | null; data: string }> {
  for await (const { event, data } of decode(body!)) {
    yield { event: event === "message" ? null : event, data };
  }
}
