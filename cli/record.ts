import { Command } from "commander";
import { toEventLine } from "./event_line.ts";
import { follow } from "./follow.ts";
import { interruption } from "./interrupt.ts";
import { connectionNotices } from "./notices.ts";
import {
  type RequestOptions,
  toRequest,
  withRequest,
} from "./request_options.ts";
import { notice, print } from "./terminal.ts";

interface RecordOptions extends RequestOptions {
  readonly reconnect: boolean;
}

/** Makes the command `record`. */
export function recordCommand(): Command {
  return withRequest(new Command("record"))
    .argument("<file>", "the file to create, or - for standard output")
    .description(
      "Write events and their times of arrival to a file, one line of JSON each. Reconnects when the connection is " +
        "lost.",
    )
    .option("--no-reconnect", "stop at the end of the first connection")
    .action(record);
}

async function record(
  url: URL,
  path: string,
  options: RecordOptions,
): Promise<void> {
  const events = follow(url, {
    request: toRequest(options),
    reconnect: options.reconnect,
    signal: interruption(),
    observer: connectionNotices(url),
  });
  const file = path === "-" ? undefined : create(path);
  let count = 0;
  try {
    for await (const event of events) {
      const line = toEventLine(event);
      await (file === undefined ? print(line) : writeAll(file, line));
      count++;
    }
  } finally {
    file?.close();
    // An empty file would make the next try fail.
    if (file !== undefined && count === 0) Deno.removeSync(path);
  }
  notice(`Recorded ${count} events`);
}

function create(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { write: true, createNew: true });
  } catch (cause) {
    throw new Error(`Cannot make the file ${path}`, { cause });
  }
}

/** Writes a text whole, so that the file of a killed process can be replayed: the file's own stream buffers. */
async function writeAll(file: Deno.FsFile, text: string): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await file.write(bytes));
}
