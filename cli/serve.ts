import { Command } from "commander";
import { Channel, MemoryLog, type ServerSentEventInit } from "@rivulet/sse";
import { type EndpointOptions, listen, withEndpoint } from "./endpoint.ts";
import { parseEventLine } from "./event_line.ts";
import { reasonOf } from "./failure.ts";
import { interruption } from "./interrupt.ts";
import { readLines } from "./lines.ts";
import { integer } from "./number_option.ts";

interface ServeOptions extends EndpointOptions {
  readonly json?: true;
  readonly history: number;
}

/** Makes the command `serve`. */
export function serveCommand(): Command {
  return withEndpoint(new Command("serve"))
    .description(
      "Send each line of standard input as an event to every client. A client that connects later receives the " +
        "history first; one that reconnects resumes. The stream ends with the input, and the server keeps running.",
    )
    .option(
      "-j, --json",
      "each line is an event as JSON: event, data, retry, comment",
    )
    .option("--history <n>", "how many events to keep", integer(1), 1000)
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const { json, history } = options;
  const channel = new Channel({
    log: new MemoryLog({ maxEvents: history }),
    from: "earliest",
  });
  const failure = new AbortController();
  publish(channel, json === true).catch(async (error) => {
    // Clients receive the lines before the wrong one.
    await channel.close();
    failure.abort(error);
  });
  const interrupted = interruption();
  // Open responses would keep the server from stopping.
  interrupted.addEventListener("abort", () => void channel.drain({ over: 0 }));
  const signal = AbortSignal.any([interrupted, failure.signal]);
  await listen(options, (request) => channel.respond(request), signal);
  failure.signal.throwIfAborted();
}

async function publish(channel: Channel, isJson: boolean): Promise<void> {
  let number = 0;
  for await (const line of readLines(Deno.stdin.readable)) {
    number++;
    if (isJson && line.trim() === "") continue;
    await channel.publish(isJson ? parse(line, number) : { data: line });
  }
  await channel.close();
}

function parse(line: string, number: number): ServerSentEventInit {
  try {
    return parseEventLine(line).init;
  } catch (error) {
    throw new Error(`Cannot serve line ${number}: ${reasonOf(error)}`);
  }
}
