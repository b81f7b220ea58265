import { assert, assertEquals } from "@std/assert";
import type { ServerSentEventInit } from "../../src/event.ts";
import { respond, type RespondOptions } from "../../src/server/respond.ts";
import { reportedDuring } from "../_reported.ts";
import {
  Client,
  datasOf,
  readsRequestSignal,
  requestOf,
} from "../server/_client.ts";
import { type Clock, withClock } from "../support/clock.ts";
import { test } from "../_test.ts";
import { eachFault, type Faults, InjectedFault, rest } from "./_faults.ts";

const DELAYS = { late: 300, tooLate: 25_000 };
const DATAS = ["a", "b", "c"];

/** How a client stops reading a response, and after how many chunks. */
interface Leave {
  readonly by: "cancel" | "request.signal" | "options.signal";
  readonly after: number;
}

/** The observed calls of a source. */
interface Trace {
  returned: number;
  aborted: number;
  given: number;
}

/** A source of three events; every call is a step. */
function sourceOf(faults: Faults, trace: Trace) {
  return ({ signal }: { signal: AbortSignal }) =>
    faults.step("open", (): AsyncIterable<ServerSentEventInit> => {
      if (signal.aborted) trace.aborted++;
      signal.addEventListener("abort", () => trace.aborted++);
      const iterator: AsyncIterator<ServerSentEventInit> = {
        next: () =>
          faults.step("next", () => {
            const data = DATAS[trace.given++];
            return data === undefined
              ? { done: true, value: undefined }
              : { done: false, value: { data } };
          }),
        return: () =>
          faults.step("return", () => {
            trace.returned++;
            return { done: true, value: undefined };
          }),
      };
      return { [Symbol.asyncIterator]: () => iterator };
    });
}

/** Counts the listeners of a signal. */
function counted(signal: AbortSignal): { count: number } {
  const listeners = { count: 0 };
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners.count++;
    addEventListener.apply(signal, args as never);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners.count--;
    removeEventListener.apply(signal, args as never);
  };
  return listeners;
}

/** A request whose signal's listeners are counted. */
function requestWith(signal: AbortSignal): Request {
  const request = requestOf();
  Object.defineProperty(request, "signal", { value: signal });
  return request;
}

async function readAs(
  client: Client,
  leave: Leave | undefined,
  controller: AbortController,
  clock: Clock,
): Promise<string> {
  let text = "";
  const reading = (async () => {
    for (let chunks = 0; chunks !== leave?.after; chunks++) {
      const chunk = await client.read();
      if (chunk === undefined) return;
      text += chunk;
    }
  })();
  await clock.advance(40_000);
  if (leave !== undefined && leave.by !== "cancel") controller.abort();
  // Cancelling a body that has failed rejects with its error.
  else await client.leave().catch(() => {});
  await reading;
  await clock.advance(40_000);
  return text;
}

async function script(
  faults: Faults,
  clock: Clock,
  leave: Leave | undefined,
  onError: RespondOptions["onError"],
): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = counted(signal);
  const isOption = leave?.by === "options.signal";
  const trace: Trace = { returned: 0, aborted: 0, given: 0 };
  const reasons: string[] = [];
  const request = isOption ? requestOf() : requestWith(signal);
  const response = respond(request, sourceOf(faults, trace), {
    signal: isOption ? signal : undefined,
    onClose: (reason) => reasons.push(reason),
    onError,
  });
  const client = new Client(response);
  const text = await readAs(client, leave, controller, clock);

  const seen = datasOf(text);
  assertEquals(seen, DATAS.slice(0, seen.length));
  if (faults.hit === undefined && leave === undefined) {
    assertEquals([seen, reasons], [DATAS, ["ended"]]);
  }
  assertEquals(reasons.length, 1, "onClose is called once");
  if (reasons[0] === "ended") assertEquals(seen, DATAS);
  if (client.failure !== undefined) {
    assert(client.failure instanceof InjectedFault);
    assertEquals([onError, reasons], [undefined, ["failed"]]);
  }
  if (trace.given > 0) assertEquals(trace.aborted, 1, "the signal aborts once");
  assert(trace.returned <= 1, "the source is returned once");
  assertEquals([listeners.count, clock.timers], [0, 0]);
}

const leaves: (Leave | undefined)[] = [undefined];
for (const by of ["cancel", "request.signal", "options.signal"] as const) {
  if (by === "request.signal" && !readsRequestSignal) continue;
  for (const after of [0, 1, 2, 3, 4]) leaves.push({ by, after });
}

test("respond() ends once, reports once and leaks nothing, whatever its source does and whenever the client disconnects", async () => {
  let runs = 0;
  let thrown = 0;
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const reported = await reportedDuring(async () => {
    for (const leave of leaves) {
      for (const tell of [onError, undefined]) {
        runs += await eachFault(async (faults) => {
          await withClock(
            (clock) => script(faults, clock, leave, tell),
            rest,
          );
          if (faults.hasThrown) thrown++;
        }, DELAYS);
      }
    }
  });
  assert(runs > 300, `${runs}`);
  for (const error of errors) assert(error instanceof InjectedFault);
  assert(errors.length > 0 && errors.length <= thrown);
  assertEquals(reported, []);
  console.log(`respond(): ${runs} faults`);
});
