/**
 * The command line for event streams: watch, serve, record, replay and load them. It runs on Deno.
 *
 * ```sh
 * deno x jsr:@rivulet/sse-cli tail https://example.com/events
 * ```
 *
 * | command | what it does |
 * |---|---|
 * | `tail URL` | prints events as they arrive |
 * | `serve` | sends each line of standard input to every client |
 * | `record URL FILE` | writes events and their times to a file |
 * | `replay FILE` | sends a recording, at its own pace or faster |
 * | `load URL -c N` | reads over N connections, and counts events |
 *
 * `--help` after a command lists its options, `--version` prints the version. The exit code is 0 at
 * the end and after Ctrl-C, and 1 after a failure, whose reason is on standard error.
 *
 * @module
 */

import { Command } from "commander";
import config from "./deno.json" with { type: "json" };
import { reasonOf } from "./failure.ts";
import { loadCommand } from "./load.ts";
import { recordCommand } from "./record.ts";
import { replayCommand } from "./replay.ts";
import { serveCommand } from "./serve.ts";
import { tailCommand } from "./tail.ts";
import { visible } from "./terminal.ts";

const program: Command = new Command("rivulet")
  .description("Server-Sent Events on the command line.")
  .version(config.version)
  .addCommand(tailCommand())
  .addCommand(serveCommand())
  .addCommand(recordCommand())
  .addCommand(replayCommand())
  .addCommand(loadCommand());

try {
  await program.parseAsync(Deno.args, { from: "user" });
} catch (error) {
  // The reader of the output has closed it, as `head` does.
  if (!(error instanceof Deno.errors.BrokenPipe)) {
    console.error(`error: ${visible(reasonOf(error))}`);
    Deno.exit(1);
  }
}
// Pending reads, as of standard input, must not keep the process.
Deno.exit(0);
