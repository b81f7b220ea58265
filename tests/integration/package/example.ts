import {
  Channel,
  connect,
  decode,
  EventEncoderStream,
  EventSource,
} from "@rivulet/sse";
import { encodeEvent } from "@rivulet/sse/encoder";

/** Runs the README's example with the installed package, and reports the outcome. */
export async function run(url: string): Promise<Record<string, unknown>> {
  return {
    codec: await passThroughCodec(),
    connect: await connectTo(url),
    eventSource: await listenTo(url),
    channel: await resumeChannel(),
  };
}

async function passThroughCodec(): Promise<unknown[]> {
  const encoder = new EventEncoderStream();
  const writer = encoder.writable.getWriter();
  writer.write({ event: "tick", data: " 1\n2", id: 1 });
  writer.close();
  const headers = { "content-type": "text/event-stream" };
  const response = new Response(encoder.readable, { headers });
  const seen: unknown[] = [encodeEvent({ data: "1" })];
  for await (const event of decode(response)) {
    const data: string = event.data;
    // @ts-expect-error The types are those of the package, not `any`.
    const wrong: number = event.data;
    seen.push({ ...event, data, isText: data === String(wrong) });
  }
  return seen;
}

/** The server ends each stream after one event, so the second arrives over another connection. */
async function connectTo(url: string): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of connect(url)) {
    if (seen.push(`${event.id} ${event.data}`) === 2) break;
  }
  return seen;
}

function listenTo(url: string): Promise<string[]> {
  const seen: string[] = [];
  const source = new EventSource(url);
  return new Promise((resolve) => {
    source.onmessage = ({ lastEventId, data }) => {
      if (seen.push(`${lastEventId} ${data}`) < 2) return;
      source.close();
      resolve(seen);
    };
  });
}

async function resumeChannel(): Promise<string[]> {
  const channel = new Channel();
  const first = await channel.publish({ data: "a" });
  await channel.publish([{ data: "b" }, { data: "c" }]);
  const headers = { "last-event-id": first };
  const request = new Request("https://example.com/", { headers });
  const seen: string[] = [];
  for await (const { data } of decode(await channel.respond(request))) {
    if (seen.push(data) === 2) break;
  }
  await channel.close();
  return seen;
}
