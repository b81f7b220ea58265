/** The context of resumable-stream, its texts as the data of events, and its logs in memory. */
import { decode } from "../../src/decode.ts";
import { MemoryLog, type Resumable, resumable } from "../../src/server/mod.ts";

type Texts = ReadableStream<string>;

interface Entry {
  readonly answer: Resumable;
  readonly log: MemoryLog;
}

interface Context {
  resumableStream(
    id: string,
    make: () => Texts,
    skip?: number,
  ): Promise<Texts | null>;
  createNewResumableStream: Context["resumableStream"];
  resumeExistingStream(
    id: string,
    skip?: number,
  ): Promise<Texts | null | undefined>;
  hasExistingStream(id: string): Promise<null | true | "DONE">;
}

export function createResumableStreamContext(): Context {
  const entries = new Map<string, Entry>();

  async function hasExistingStream(id: string): Promise<null | true | "DONE"> {
    const entry = entries.get(id);
    if (entry === undefined) return null;
    const page = await entry.log.read(0, { entries: 1000, bytes: 1e6 });
    return page.entries.at(-1)?.kind === "end" ? "DONE" : true;
  }

  async function create(id: string, make: () => Texts): Promise<Texts> {
    const log = new MemoryLog();
    const answer = resumable(log, async function* () {
      for await (const text of make()) yield { data: JSON.stringify(text) };
    });
    entries.set(id, { answer, log });
    await answer.start();
    return await follow(answer, 0);
  }

  async function resume(id: string, skip = 0): Promise<Texts | null> {
    if (await hasExistingStream(id) === "DONE") return null;
    return await follow(entries.get(id)!.answer, skip);
  }

  return {
    hasExistingStream,
    resumableStream: (id, make, skip) =>
      entries.has(id) ? resume(id, skip) : create(id, make),
    createNewResumableStream: create,
    resumeExistingStream: async (id, skip) =>
      entries.has(id) ? await resume(id, skip) : undefined,
  };
}

/** Follows a stream from its beginning, without its first characters. */
async function follow(answer: Resumable, skip: number): Promise<Texts> {
  const response = await answer.respond(new Request("https://example.com/"));
  let left = skip;
  return decode(response).pipeThrough(
    new TransformStream({
      transform({ data }, controller) {
        const text: string = JSON.parse(data);
        if (text.length > left) controller.enqueue(text.slice(left));
        left = Math.max(0, left - text.length);
      },
    }),
  );
}
