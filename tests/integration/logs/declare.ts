import { runCommand } from "../../../tools/command.ts";
import { testEventLog } from "../../../src/testing/event_log_suite.ts";
import { toolPath } from "../../_tools.ts";
import { fromOutcome, type Outcome } from "../durable_object/outcome.ts";
import { type Connection, logCases } from "./libraries.ts";

/** The module that runs the cases in another process. */
export const suite: string = new URL("./suite.ts", import.meta.url).pathname;

/** Declares the cases for any log with a client in this process. */
export function testLog(name: string, connect: () => Connection): void {
  for (const { name: title, run } of logCases(name, connect)) {
    Deno.test(title, run);
  }
}

/**
 * Declares the cases for any log in this process, and runs them in another one that has the database client. `start`
 * returns the command and its arguments.
 */
export function testLogElsewhere(
  name: string,
  start: () => Promise<[command: string, ...args: string[]]>,
): void {
  const tests = testEventLog(name, () => {
    throw new Error("The client is not in this process");
  });
  let outcomes: Promise<Outcome[]> | undefined;
  async function run(): Promise<Outcome[]> {
    const [command, ...args] = await start();
    const { stdout, output } = await runCommand(command, args);
    const lines = stdout.trim().split("\n");
    if (lines.length !== tests.length) throw new Error(output);
    return lines.map((line) => JSON.parse(line));
  }
  for (const [index, { name }] of tests.entries()) {
    Deno.test(name, async () => {
      fromOutcome<void>((await (outcomes ??= run()))[index]!);
    });
  }
}

/** Declares the cases for any log, and runs them in Bun with a library at a place. */
export function testLogInBun(
  name: string,
  library: string,
  place: () => string,
): void {
  testLogElsewhere(
    name,
    async () => [await toolPath("bun"), suite, library, place()],
  );
}
