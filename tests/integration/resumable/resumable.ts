import { assertEquals } from "@std/assert";
import {
  answerTo,
  type CompletionChunk,
} from "../../../examples/proxy/model.ts";
import { decode } from "../../../src/decode.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { json } from "../../../src/contract.ts";
import { below, randomOf } from "../../codec/random.ts";
import { readCut as readCutSource } from "../../server/_cut.ts";
import { sizeOf } from "../../_settings.ts";
import { serve, type Served } from "../../support/served.ts";
import { type Notice, type Order, PROMPT, textsOf } from "./produce.ts";
import { type Process, startDeno } from "../../../tools/process.ts";

/** Something that serves resumable streams. */
export class Answers {
  /** Where it listens. */
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Requests a stream, starting after an event. */
  get(name: string, order: Order, lastEventId = ""): Promise<Response> {
    const query = encodeURIComponent(JSON.stringify(order));
    const headers = new Headers();
    if (lastEventId !== "") headers.set("last-event-id", lastEventId);
    return fetch(`${this.url}/${name}?order=${query}`, { headers });
  }

  /** Returns the events of a stream to its end, or this many of them and then disconnects. */
  async read(
    name: string,
    order: Order,
    { lastEventId = "", count = Infinity }: {
      lastEventId?: string;
      count?: number;
    } = {},
  ): Promise<ServerSentEvent[]> {
    const response = await this.get(name, order, lastEventId);
    if (response.status === 204) return [];
    const events: ServerSentEvent[] = [];
    for await (const event of decode(response)) {
      if (events.push(event) >= count) break;
    }
    return events;
  }

  /** Aborts a stream. */
  async abort(name: string): Promise<void> {
    const response = await fetch(`${this.url}/${name}`, { method: "DELETE" });
    if (!response.ok) throw new Error(await response.text());
  }
}

/** A process that serves resumable streams in a log. */
export class AnswerProcess extends Answers implements AsyncDisposable {
  readonly #process: Process;

  private constructor(process: Served) {
    super(process.url);
    this.#process = process;
  }

  /** Starts one with a library and the place of its database. */
  static async start(...log: string[]): Promise<AnswerProcess> {
    const script = new URL("./process.ts", import.meta.url);
    const process = await serve(startDeno(script, log));
    // One process serves several tests, each of which checks for leaks.
    await process.deafen();
    return new AnswerProcess(process);
  }

  /** Returns how often something has happened to the stream of a name. */
  async count(what: Notice, name: string): Promise<number> {
    const notices: string[] = await (await fetch(`${this.url}/`)).json();
    return notices.filter((notice) => notice === `${what} ${name}`).length;
  }

  /** Stops or continues the process. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.signal(signal);
  }

  /** Ends it with SIGKILL, so that it cannot do anything more. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** The data of events. */
export function datasOf(events: readonly ServerSentEvent[]): string[] {
  return events.map(({ data }) => data);
}

/** Reads a stream with a client that disconnects after each event and resumes at the next server. */
export async function readOneByOne(
  places: readonly Answers[],
  name: string,
  order: Order,
): Promise<string[]> {
  const read: string[] = [];
  let lastEventId = "";
  for (let turn = 0;; turn++) {
    const place = places[turn % places.length]!;
    const [event] = await place.read(name, order, { lastEventId, count: 1 });
    if (event === undefined) return read;
    read.push(event.data);
    lastEventId = event.id;
  }
}

/** Reads a stream with a client whose connections are each cut after some bytes, and that resumes at the next server. */
export function readCut(
  places: readonly Answers[],
  name: string,
  order: Order,
  lengthOf: (connection: number) => number,
): Promise<ServerSentEvent[]> {
  let connection = 0;
  return readCutSource({
    respond({ headers }) {
      const place = places[connection++ % places.length]!;
      return place.get(name, order, headers.get("last-event-id") ?? "");
    },
  }, lengthOf);
}

/** Draws lengths in bytes; a client that always gets less than one event would never finish. */
export function anyLength(seed: number, most = 200): () => number {
  const random = randomOf(seed, 0);
  return () => 1 + below(random, most);
}

/** Fails unless a client whose first connection is cut gets each event of a stream that has ended once, wherever the cut is. */
export async function checkEveryCut(
  places: readonly Answers[],
  name: string,
  order: Order,
): Promise<void> {
  const response = await places[0]!.get(name, order);
  const { byteLength } = await response.arrayBuffer();
  const cuts = Array.from({ length: byteLength }, (_, i) => i + 1);
  while (cuts.length > 0) {
    await Promise.all(
      cuts.splice(0, 20).map(async (cut) => {
        const read = await readCut(
          cut % 2 === 0 ? places : places.toReversed(),
          name,
          order,
          (connection) => connection === 0 ? cut : Infinity,
        );
        assertEquals(datasOf(read), textsOf(order.count), `cut at ${cut}`);
      }),
    );
  }
}

/** How often the start is tried: 50 times, or as often as the `resumable:starts` task says. */
export const TRIES: number = Number(
  Deno.env.get("RESUMABLE_TRIES") ?? sizeOf(1000),
);

/** Fails unless several first requests to streams of as many names start one producer for each. */
export async function checkFirstRequests(
  [a, b]: readonly [Answers, Answers],
  tries: number,
  startsOf: (name: string) => number | Promise<number>,
): Promise<void> {
  const order = { count: 3, pause: 1 };
  const names = Array.from({ length: tries }, (_, i) => `try-${i}`);
  while (names.length > 0) {
    await Promise.all(
      names.splice(0, 25).map(async (name) => {
        const read = await Promise.all(
          [a, b, b, a].map((place) => place.read(name, order)),
        );
        assertEquals(read.map(datasOf), Array(4).fill(textsOf(3)));
        assertEquals(await startsOf(name), 1, name);
      }),
    );
  }
}

/** Fails unless a model's answer reaches readers in both places, cut or not. */
export async function checkModel(
  places: readonly [Answers, Answers],
  model: string,
): Promise<void> {
  const order = { count: 0, pause: 0, model };
  const reads = await Promise.all([
    places[0].read("model", order),
    places[1].read("model", order),
    readCut(places, "model", order, anyLength(7, 1000)),
  ]);
  for (const events of reads) {
    const deltas = events.map((event) =>
      json<CompletionChunk>(event).choices[0]!.delta.content ?? ""
    );
    assertEquals(deltas.join(""), answerTo(PROMPT));
  }
}
