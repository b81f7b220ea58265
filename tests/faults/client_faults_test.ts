import { assert, assertEquals } from "@std/assert";
import { connect } from "../../src/client/connect.ts";
import { EventSource } from "../../src/client/event_source.ts";
import { EventStreamError } from "../../src/error.ts";
import { reportedDuring } from "../_reported.ts";
import { type Clock, withClock } from "../support/clock.ts";
import { test } from "../_test.ts";
import { eachFault, Faults, InjectedFault, rest } from "./_faults.ts";

const DELAYS = { late: 300, tooLate: 25_000 };
const LONG = 120_000;
const URL = "https://example.com/events";
const DATAS = ["1", "2", "3", "4", "5", "6"];

/** A server of six events and an end, three events on each connection; every step can fail. */
class Server {
  requests = 0;
  open = 0;
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  fetch = async (_: string, init: RequestInit): Promise<Response> => {
    const signal = init.signal!;
    let drop = () => {};
    try {
      return await this.#faults.step("fetch", () => {
        this.requests++;
        signal.throwIfAborted();
        const id = Number(new Headers(init.headers).get("last-event-id") ?? 0);
        const body = this.#body(id, signal);
        drop = () => void body.cancel();
        return new Response(body, {
          headers: { "content-type": "text/event-stream" },
        });
      });
    } catch (error) {
      // A connection that breaks before its headers arrive.
      drop();
      throw error;
    }
  };

  #body(id: number, signal: AbortSignal): ReadableStream<Uint8Array> {
    const chunks = chunksOf(id);
    let isOpen = true;
    this.open++;
    const end = () => {
      if (isOpen) this.open--;
      isOpen = false;
      signal.removeEventListener("abort", abort);
    };
    let abort = () => {};
    return new ReadableStream({
      start: (controller) => {
        abort = () => {
          end();
          controller.error(signal.reason);
        };
        signal.addEventListener("abort", abort);
      },
      pull: async (controller) => {
        try {
          const chunk = await this.#faults.step("body", () => chunks.shift());
          if (!isOpen) return;
          if (chunk !== undefined) return controller.enqueue(chunk);
          end();
          controller.close();
        } catch (error) {
          end();
          throw error;
        }
      },
      cancel: end,
    }, { highWaterMark: 0 });
  }
}

/** The stream after an ID, cut in the middle of events. */
function chunksOf(id: number): Uint8Array[] {
  const blocks = DATAS.slice(id, id + 3).map((data) =>
    `id: ${data}\ndata: ${data}\n\n`
  );
  if (id >= 3) blocks.push("data: [DONE]\n\n");
  const bytes = new TextEncoder().encode(blocks.join(""));
  return [bytes.slice(0, 20), bytes.slice(20, 30), bytes.slice(30)];
}

function optionsOf(faults: Faults, server: Server) {
  let saved = "";
  return {
    fetch: server.fetch,
    headers: () => faults.step("headers", () => ({ authorization: "secret" })),
    cursor: {
      load: () => faults.step("load", () => saved),
      save: (id: string) => faults.step("save", () => void (saved = id)),
    },
    idleTimeout: 1000,
    retry: { delay: 10, minDelay: 10, maxDelay: 50, maxAttempts: 3 },
  };
}

/** One of the two client APIs. */
interface Receiver {
  readonly lastEventId: string;
  /** `"ended"` or the error that ended it, `undefined` while it is open. */
  readonly end: unknown;
  close(): void;
}

type Receive = (
  options: ReturnType<typeof optionsOf>,
  seen: string[],
  from: string,
) => Receiver;

const byConnect: Receive = (options, seen, lastEventId) => {
  const events = connect(URL, { ...options, lastEventId, until: "[DONE]" });
  const receiver = {
    end: undefined as unknown,
    get lastEventId() {
      return events.lastEventId;
    },
    close: () => void events.close().catch(() => {}),
  };
  (async () => {
    for await (const { data } of events) seen.push(data);
  })().then(
    () => receiver.end = "ended",
    (error) => receiver.end = error,
  );
  return receiver;
};

const byEventSource: Receive = (options, seen, lastEventId) => {
  const source = new EventSource(URL, { ...options, lastEventId });
  const receiver = {
    end: undefined as unknown,
    get lastEventId() {
      return source.lastEventId;
    },
    close: () => source.close(),
  };
  source.onmessage = ({ data }) => {
    if (data !== "[DONE]") seen.push(data);
    else {
      receiver.end = "ended";
      source.close();
    }
  };
  source.onerror = (event) => {
    if (source.readyState !== EventSource.CLOSED) return;
    receiver.end = (event as Event & { error: unknown }).error;
  };
  return receiver;
};

/** Returns whether a permanent failure is a documented one. */
function isStated(faults: Faults, end: unknown): boolean {
  if (end === "ended") return true;
  // A failing store fails the connection, since the client could not resume at the right position.
  const isStore = faults.hit === "load" || faults.hit === "save";
  return isStore && faults.hasThrown && end instanceof InjectedFault;
}

async function script(
  faults: Faults,
  clock: Clock,
  receive: Receive,
): Promise<void> {
  const server = new Server(faults);
  const seen: string[] = [];
  const options = optionsOf(faults, server);
  const first = receive(options, seen, "");
  await clock.advance(LONG);
  if (first.end === undefined) {
    // The client waits without a limit only for a function of the caller.
    assert(faults.hangs, "it must end");
    assert(["headers", "load", "save"].includes(faults.hit!), faults.hit);
  } else assert(isStated(faults, first.end), `it ended with ${first.end}`);
  if (first.end === "ended") assertEquals(seen, DATAS);
  first.close();
  await clock.advance(LONG);
  assertEquals([server.open, clock.timers], [0, 0]);

  const { requests } = server;
  await clock.advance(LONG);
  assertEquals(server.requests, requests, "no request after the end");
  // A client that resumes after the last event receives the rest, without duplicates.
  const healthy = optionsOf(new Faults(0, "throw", DELAYS), server);
  const second = receive(healthy, seen, first.lastEventId);
  await clock.advance(LONG);
  assertEquals([second.end, seen], ["ended", DATAS]);
  assertEquals([server.open, clock.timers], [0, 0]);
}

for (
  const [name, receive] of [
    ["connect()", byConnect],
    ["EventSource", byEventSource],
  ] as const
) {
  test(`${name} loses, duplicates and leaks nothing when any step fails`, async () => {
    let runs = 0;
    // After close(), the failure of a store can only be reported.
    const reported = await reportedDuring(async () => {
      runs = await eachFault(
        (faults) => withClock((clock) => script(faults, clock, receive), rest),
        DELAYS,
      );
    });
    for (const error of reported) {
      assert(error instanceof InjectedFault && error.message === "save");
    }
    assertEquals(reported.length > 0, receive === byEventSource);
    assert(runs > 100, `${runs}`);
    console.log(`${name}: ${runs} faults`);
  });
}

test("connect() reports the last failure and the number of attempts when every attempt fails", async () => {
  for (const step of ["headers", "fetch"] as const) {
    await withClock(async (clock) => {
      const fail = () => Promise.reject(new InjectedFault(step));
      const never = new Faults(0, "throw", DELAYS);
      const options = optionsOf(never, new Server(never));
      const receiver = byConnect({ ...options, [step]: fail }, [], "");
      await clock.advance(LONG);
      const error = receiver.end;
      assert(error instanceof EventStreamError);
      assertEquals([error.code, error.attempts], ["connection-failed", 3]);
      assert(error.cause instanceof InjectedFault);
      assertEquals(clock.timers, 0);
    }, rest);
  }
});
