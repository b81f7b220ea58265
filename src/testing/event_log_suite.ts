import { checkOptions } from "../internal/check.ts";
import type { EventLog, RetentionOptions } from "../log/log.ts";
import { all, type LogCase } from "./log_case.ts";
import { readCases, textCases, watchCases } from "./read_cases.ts";
import {
  appendCases,
  conditionCases,
  endCases,
  expiryCases,
  idleCases,
  retentionCases,
} from "./write_cases.ts";

/** A log under test, with as many clients as a case asks for. */
export interface TestedLog {
  /**
   * Opens another client of the same log, as another process would hold one. What has no clients,
   * such as a log in memory, gives itself.
   */
  open(): EventLog;
  /** Lets everything go that the clients hold. It is called once, at the end of the case. */
  close(): Promise<void>;
}

/**
 * Makes a log to which nothing has been appended, with a name of its own, so that cases that run at
 * the same time do not meet.
 */
export type TestedLogFactory = (
  retention: RetentionOptions,
) => Promise<TestedLog>;

/** A case for any test runner. */
export interface EventLogTest {
  /** The log's name, and what the case shows. */
  readonly name: string;
  /** Rejects with an error that says what was expected, and what came. */
  run(): Promise<void>;
}

/** Options of {@linkcode testEventLog}. */
export interface TestEventLogOptions {
  /**
   * How many milliseconds a case waits for what must come some time: a wake-up, or the end of what
   * has expired. More than the slowest that the engine can be; a log that passes does not wait for it.
   *
   * @default {10000}
   */
  patience?: number | undefined;
}

const CASES: readonly LogCase[] = [
  ...appendCases,
  ...textCases,
  ...conditionCases,
  ...endCases,
  ...readCases,
  ...retentionCases,
  ...expiryCases,
  ...idleCases,
  ...watchCases,
];

/**
 * Gives the cases that every {@linkcode EventLog} must pass, to be handed to a test runner: all that
 * the interface promises, under several clients at once, and what it refuses. Each case has a log of
 * its own.
 *
 * @example
 * ```ts
 * import { MemoryLog } from "@rivulet/sse/server";
 * import { testEventLog } from "@rivulet/sse/testing";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const tests = testEventLog("MemoryLog", (retention) => {
 *   const log = new MemoryLog(retention);
 *   return Promise.resolve({ open: () => log, close: () => Promise.resolve() });
 * });
 * for (const { name, run } of tests) {
 *   assertStringIncludes(name, "MemoryLog: ");
 *   await run(); // in a test file: Deno.test(name, run), or test(name, run) of the runner
 * }
 * ```
 *
 * @param name Names the log in the names of the cases.
 * @param factory Makes a fresh log for a case.
 * @param options How long to wait.
 * @returns The cases; none has begun.
 * @throws {TypeError} If `patience` is not a number.
 * @throws {RangeError} If `patience` is not a positive integer.
 */
export function testEventLog(
  name: string,
  factory: TestedLogFactory,
  options: TestEventLogOptions = {},
): EventLogTest[] {
  const { patience = 10_000 } = options;
  checkOptions<TestEventLogOptions>("Cannot test log", options, {
    patience: [1],
  });
  return CASES.map((logCase) => ({
    name: `${name}: ${logCase.title}`,
    run: () => runCase(logCase, factory, patience),
  }));
}

async function runCase(
  { retention = {}, run }: LogCase,
  factory: TestedLogFactory,
  patience: number,
): Promise<void> {
  const logs: TestedLog[] = [];
  async function make(): Promise<TestedLog> {
    const log = await factory(retention);
    logs.push(log);
    return log;
  }
  const log = await make();
  const open = () => log.open();
  const openOther = async () => (await make()).open();
  try {
    await run({ open, openOther, patience });
  } finally {
    await all(logs.map((log) => log.close()));
  }
}
