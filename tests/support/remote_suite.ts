import { runCommand } from "../../tools/command.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import {
  fromOutcome,
  type Outcome,
} from "../integration/durable_object/outcome.ts";

/**
 * Declares the cases for any log in this process, and runs them in another one that has the database client. `start`
 * returns the command and its arguments. The command prints the outcome of each case as a line of JSON.
 */
export function testElsewhere(
  name: string,
  start: () => Promise<[command: string, args: string[]]>,
): void {
  const tests = testEventLog(name, () => {
    throw new Error("The client is not in this process");
  });
  let outcomes: Promise<Outcome[]> | undefined;
  async function run(): Promise<Outcome[]> {
    const { stdout, output } = await runCommand(...await start());
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
