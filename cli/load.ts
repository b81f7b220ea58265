import { Command } from "commander";
import { reasonOf } from "./failure.ts";
import { follow } from "./follow.ts";
import { interruption } from "./interrupt.ts";
import { LoadCounter } from "./load_counter.ts";
import { finalTable, liveLine } from "./load_report.ts";
import { integer, seconds } from "./number_option.ts";
import {
  type RequestOptions,
  toRequest,
  withRequest,
} from "./request_options.ts";
import { print, rewrite } from "./terminal.ts";

interface LoadOptions extends RequestOptions {
  readonly connections: number;
  readonly duration?: number;
  readonly latency?: string;
}

/** Makes the command `load`. */
export function loadCommand(): Command {
  return withRequest(new Command("load"))
    .description(
      "Read a stream over several connections at once, for a time or until Ctrl-C, and count events. A lost connection " +
        "is reestablished; one that cannot be established at all has failed.",
    )
    .option("-c, --connections <n>", "how many connections", integer(1), 10)
    .option("-t, --duration <seconds>", "how long to read", seconds)
    .option(
      "--latency <path>",
      'the member of the JSON data that holds the time of sending, such as "sent" or "meta.sent", in milliseconds ' +
        "since 1970 or as in 2026-12-31T23:59:59.999Z; the clocks must agree",
    )
    .action(load);
}

async function load(url: URL, options: LoadOptions): Promise<void> {
  const { connections } = options;
  const counter = new LoadCounter();
  const signal = endOf(options);
  const start = performance.now();
  const line = liveLine(counter);
  const timer = setInterval(() => rewrite(line()), 1000);
  await Promise.all(
    Array.from(
      { length: connections },
      () => read(url, options, signal, counter),
    ),
  );
  clearInterval(timer);
  rewrite("");
  await print(finalTable(counter, connections, performance.now() - start));
  checkOutcome(counter, connections, options.latency);
}

function endOf({ duration }: LoadOptions): AbortSignal {
  const interrupted = interruption();
  return duration === undefined
    ? interrupted
    : AbortSignal.any([interrupted, AbortSignal.timeout(duration * 1000)]);
}

/** Reads over one connection, and those that follow it. */
async function read(
  url: URL,
  options: LoadOptions,
  signal: AbortSignal,
  counter: LoadCounter,
): Promise<void> {
  const request = { ...toRequest(options), fetch: counter.fetch };
  const observer = counter.observer();
  const path = options.latency?.split(".");
  try {
    const events = follow(url, { request, reconnect: true, signal, observer });
    for await (const { data } of events) counter.add(data, path);
  } catch (error) {
    counter.failures.push(reasonOf(error));
  } finally {
    observer.onLost();
  }
}

function checkOutcome(
  { events, failures, latencies }: LoadCounter,
  connections: number,
  latency: string | undefined,
): void {
  if (failures.length > 0) {
    throw new Error(
      `${failures.length} of ${connections} connections failed, the first because: ${
        failures[0]
      }`,
    );
  }
  if (latency !== undefined && events > 0 && latencies.count === 0) {
    throw new Error(`No event held a time in its member ${latency}`);
  }
}
