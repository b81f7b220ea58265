import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { respond, type ServerSentEventInit } from "@rivulet/sse";
import { type EndpointOptions, listen, withEndpoint } from "./endpoint.ts";
import { parseEventLine } from "./event_line.ts";
import { reasonOf } from "./failure.ts";
import { interruption } from "./interrupt.ts";
import { readLines } from "./lines.ts";
import { MAX_DELAY } from "./number_option.ts";

interface ReplayOptions extends EndpointOptions {
  readonly speed: number;
}

/** An event, and milliseconds from the first event to it. */
interface Cue {
  readonly init: ServerSentEventInit;
  readonly at: number;
}

/** Makes the command `replay`. */
export function replayCommand(): Command {
  return withEndpoint(new Command("replay"))
    .argument("<file>", "the recording")
    .description(
      "Send a recording to each client, from its beginning and at the pace at which it was recorded. A client that " +
        "reconnects resumes after its last event ID, and receives 204 after the last event.",
    )
    .option(
      "-s, --speed <factor>",
      "how many times faster than recorded, or max",
      parseSpeed,
      1,
    )
    .action(replay);
}

function parseSpeed(text: string): number {
  const speed = text === "max" ? Infinity : Number(text);
  if (speed > 0 && text.trim() !== "") return speed;
  throw new InvalidArgumentError("It must be a number above 0, or max.");
}

async function replay(path: string, options: ReplayOptions): Promise<void> {
  const cues = await readCues(path, options.speed);
  const signal = interruption();
  const handler = (request: Request): Response => {
    const start = findStart(cues, lastEventIdOf(request));
    if (start > 0 && start === cues.length) {
      return new Response(null, { status: 204 });
    }
    return respond(
      request,
      (context) => play(cues, start, AbortSignal.any([context.signal, signal])),
    );
  };
  await listen(options, handler, signal);
}

/** Returns the index of the first event after the last one with an ID. */
function findStart(cues: readonly Cue[], lastEventId: string): number {
  if (lastEventId === "") return 0;
  return cues.findLastIndex(({ init }) => `${init.id}` === lastEventId) + 1;
}

/** The last event ID of a request, whose bytes are UTF-8. */
function lastEventIdOf({ headers }: Request): string {
  const value = headers.get("last-event-id") ?? "";
  const bytes = Uint8Array.from(value, (char) => char.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

async function* play(
  cues: readonly Cue[],
  start: number,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEventInit, void, void> {
  const zero = performance.now() - (cues[start - 1]?.at ?? 0);
  for (const { init, at } of cues.slice(start)) {
    for (let left = 1; left > 0 && !signal.aborted;) {
      left = zero + at - performance.now();
      if (left > 0) await wait(Math.min(left, MAX_DELAY), signal);
    }
    if (signal.aborted) return;
    yield init;
  }
}

async function wait(delay: number, signal: AbortSignal): Promise<void> {
  // An abort ends the wait.
  await sleep(delay, undefined, { signal }).catch(() => {});
}

async function readCues(path: string, speed: number): Promise<Cue[]> {
  const cues: Cue[] = [];
  let first: number | undefined;
  let number = 0;
  try {
    for await (const line of readLines((await Deno.open(path)).readable)) {
      number++;
      if (line.trim() === "") continue;
      const { init, time } = parseEventLine(line);
      first ??= time;
      // Without a time it is sent with the one before.
      const at = time === undefined ? cues.at(-1)?.at : (time - first!) / speed;
      cues.push({ init, at: at ?? 0 });
    }
  } catch (error) {
    const where = number === 0 ? path : `line ${number} of ${path}`;
    throw new Error(`Cannot replay ${where}: ${reasonOf(error)}`);
  }
  if (cues.length === 0) throw new Error(`Cannot replay ${path}: it is empty`);
  return cues;
}
