import { checkOptions } from "../internal/check.ts";
import type { EventLog, RetentionOptions } from "../log/log.ts";
import { all, type LogCase } from "./log_case.ts";
import { appendCases, textCases } from "./append_cases.ts";
import { conditionCases, endCases } from "./condition_cases.ts";
import { readCases, watchCases } from "./read_cases.ts";
import { expiryCases, idleCases, retentionCases } from "./retention_cases.ts";

/** A log under test, with any number of clients. */
export interface TestedLog {
  /**
   * Opens another client of the same log, as another process would. A log without clients, such as one in memory,
   * returns itself.
   */
  open(): EventLog;
  /** Releases everything the clients hold. Called once, at the end of the case. */
  close(): Promise<void>;
}

/** Creates an empty log with a unique name, so that cases can run at the same time. */
export type TestedLogFactory = (
  retention: RetentionOptions,
) => Promise<TestedLog>;

/** A case for any test runner. */
export interface EventLogTest {
  /** The log's name and what the case shows. */
  readonly name: string;
  /** Runs the case. Rejects with an error that names what was expected and what was received. */
  run(): Promise<void>;
}

/** Options of {@linkcode testEventLog}. */
export interface TestEventLogOptions {
  /**
   * Milliseconds that a case waits for something that must happen: a wake-up, or an expiry. Choose more than your
   * engine ever takes; a log that passes does not wait that long.
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
 * Returns the cases that every {@linkcode EventLog} must pass, for any test runner. They check what the interface
 * promises, with several clients at once, and what it refuses. Each case uses a new log.
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
 * @param name The log's name in the names of the cases.
 * @param factory Creates an empty log for a case.
 * @param options How long a case waits.
 * @returns The cases. None has started.
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
  { run }: LogCase,
  factory: TestedLogFactory,
  patience: number,
): Promise<void> {
  const logs: TestedLog[] = [];
  async function make(retention: RetentionOptions = {}): Promise<TestedLog> {
    const log = await factory(retention);
    logs.push(log);
    return log;
  }
  try {
    await run({ make, patience });
  } finally {
    await all(logs.map((log) => log.close()));
  }
}
