import { Command } from "commander";
import {
  encodeEvent,
  type ServerSentEvent,
  type ServerSentEventInit,
} from "@rivulet/sse";
import { follow } from "./follow.ts";
import { interruption } from "./interrupt.ts";
import { connectionNotices } from "./notices.ts";
import type { FetchObserver } from "./observed_fetch.ts";
import { indentJson } from "./pretty.ts";
import {
  type RequestOptions,
  toRequest,
  withRequest,
} from "./request_options.ts";
import { coloured, print, visible } from "./terminal.ts";

interface TailOptions extends RequestOptions {
  readonly pretty?: true;
  readonly all?: true;
  readonly reconnect: boolean;
}

/** Makes the command `tail`. */
export function tailCommand(): Command {
  return withRequest(new Command("tail"))
    .description(
      "Print events as they come, in the fields of the format itself. Connects again when the connection is lost.",
    )
    .option("-p, --pretty", "indent data that is JSON")
    .option("-a, --all", "show comments and reconnection times too")
    .option("--no-reconnect", "stop at the end of the first connection")
    .action(tail);
}

async function tail(url: URL, options: TailOptions): Promise<void> {
  const { pretty, all, reconnect } = options;
  const events = follow(url, {
    request: toRequest(options),
    reconnect,
    signal: interruption(),
    observer: { ...connectionNotices(url), ...all && wireNotices },
  });
  let lastId = "";
  try {
    for await (const event of events) {
      await print(format(event, lastId, pretty === true));
      lastId = event.id;
    }
  } finally {
    // Nobody has waited for what the comments say.
    await print("");
  }
}

const wireNotices: FetchObserver = {
  onComment: (comment) => void print(paint(visible(encodeEvent({ comment })))),
  onRetry: (retry) => void print(paint(encodeEvent({ retry }))),
};

function format(
  { event, data, id }: ServerSentEvent,
  lastId: string,
  pretty: boolean,
): string {
  const init: ServerSentEventInit = { data: pretty ? indentJson(data) : data };
  if (id !== lastId) init.id = id;
  if (event !== "message") init.event = event;
  return paint(visible(encodeEvent(init)));
}

/** Colours a frame's field names, and comments whole. */
function paint(frame: string): string {
  if (!coloured) return frame;
  return frame.replace(/^:.*/gm, "\x1b[2m$&\x1b[22m")
    .replace(/^(id|event|retry|data):/gm, "\x1b[36m$&\x1b[39m");
}
