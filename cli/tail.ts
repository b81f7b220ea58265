import { Command } from "commander";
import {
  encodeEvent,
  type ServerSentEvent,
  type ServerSentEventInit,
} from "@rivulet/sse";
import type { ConnectOptions, EventConnection } from "@rivulet/sse/client";
import { follow } from "./follow.ts";
import { interruption } from "./interrupt.ts";
import { connectionNotices } from "./notices.ts";
import { fetchThrough, splitLines } from "./fetch_through.ts";
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
      "Print events as they arrive, in the fields of the format. Reconnects when the connection is lost.",
    )
    .option("-p, --pretty", "indent data that is JSON")
    .option("-a, --all", "show comments and reconnection times too")
    .option("--no-reconnect", "stop at the end of the first connection")
    .action(tail);
}

async function tail(url: URL, options: TailOptions): Promise<void> {
  const { pretty, all, reconnect } = options;
  const wire = all && new Wire();
  const events = follow(url, {
    request: { ...toRequest(options), ...wire?.request },
    reconnect,
    signal: interruption(),
    observer: connectionNotices(url),
    onConnection: (connection) => wire?.start(connection),
  });
  let lastId = "";
  try {
    for await (const event of events) {
      wire?.printRetry();
      await print(format(event, lastId, pretty === true));
      lastId = event.id;
    }
  } finally {
    wire?.printRetry();
    // Printing the comments was not awaited.
    await print("");
  }
}

/** Prints comments and reconnection times, in their places. */
class Wire {
  /** Reads line by line, as the comments of a chunk come before its events. */
  readonly request: Pick<ConnectOptions, "onComment" | "fetch"> = {
    fetch: fetchThrough(splitLines),
    onComment: (comment) => {
      this.printRetry();
      void print(paint(visible(encodeEvent({ comment }))));
    },
  };
  #connection: EventConnection | undefined;
  #printed: number | undefined;

  start(connection: EventConnection): void {
    this.#connection = connection;
    this.#printed = connection.reconnectionTime;
  }

  /** Prints the reconnection time if it has changed. */
  printRetry(): void {
    const retry = this.#connection?.reconnectionTime;
    if (retry === undefined || retry === this.#printed) return;
    this.#printed = retry;
    void print(paint(encodeEvent({ retry })));
  }
}

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

/** Colors the field names of a frame, and whole comments. */
function paint(frame: string): string {
  if (!coloured) return frame;
  return frame.replace(/^:.*/gm, "\x1b[2m$&\x1b[22m")
    .replace(/^(id|event|retry|data):/gm, "\x1b[36m$&\x1b[39m");
}
