import { assertRejects, assertThrows } from "@std/assert";
import { type ContractOptions, defineEvents } from "../../src/contract.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { testEventLog } from "../../src/testing/event_log_suite.ts";
import { scriptedServer } from "../../src/testing/scripted_server.ts";
import { test } from "../_test.ts";

/** Options that do not compile, as JavaScript can pass them. */
function wrong<T>(options: object): T {
  return options as T;
}

/** The options are refused before a log is opened. */
function neverOpened(): never {
  throw new Error("A log was opened");
}

test("MemoryLog() refuses unknown options and names the nearest known one", () => {
  assertThrows(
    () => new MemoryLog(wrong({ maxEvent: 5 })),
    TypeError,
    'Cannot open log: unknown option "maxEvent", did you mean "maxEvents"?',
  );
  assertThrows(
    () => new MemoryLog({ idleTtl: 1000 }),
    RangeError,
    "Cannot open log: idleTtl must be at least idempotencyTtl, which is 600000: received 1000",
  );
});

test("append() refuses unknown options, so that a misspelled condition is not ignored", async () => {
  const log = new MemoryLog();
  await assertRejects(
    () => log.append([{ kind: "event", body: "" }], wrong({ expectLast: 0 })),
    TypeError,
    'Cannot append: unknown option "expectLast", did you mean "expectedLast"?',
  );
});

test("defineEvents(), testEventLog() and scriptedServer() refuse unknown options", async () => {
  assertThrows(
    () => defineEvents({}, wrong<ContractOptions>({ unlist: "skip" })),
    TypeError,
    'Cannot define events: unknown option "unlist", did you mean "unlisted"?',
  );
  assertThrows(
    () => testEventLog("log", neverOpened, wrong({ patient: 1 })),
    TypeError,
    'Cannot test log: unknown option "patient", did you mean "patience"?',
  );
  const { fetch } = scriptedServer([wrong({ dropAfter: 5 })]);
  await assertRejects(
    () => fetch("https://example.com/", {}),
    TypeError,
    "Cannot answer: unknown option",
  );
});
