/**
 * `clients.ts URL CLIENTS`: opens CLIENTS `EventSource`s on a channel without events. It prints their state twice a
 * second, as JSON. After `leave` on stdin, each closes when its stream ends, and the process exits after the last.
 */
import { EventSource } from "../../../src/client/event_source.ts";
import { EventStreamError } from "../../../src/error.ts";
import { pause } from "../../../tools/pause.ts";
import { inLanes } from "../../support/lanes.ts";

/** The state of the clients. */
export interface ClientsState {
  open: number;
  /** The number of the last event that every client has received. */
  seen: number;
  /** The number of events lost, duplicated or out of order. */
  wrong: number;
  /** The number of connections. */
  opens: number;
  /** The number of final streams that ended regularly, not by a broken connection. */
  ended: number;
  /** 1 if each closes at the next end of its stream. */
  leaving: number;
}

const [url, clients] = [Deno.args[0]!, Number(Deno.args[1])];
const seen = new Uint32Array(clients);
const state = { open: 0, wrong: 0, opens: 0, ended: 0, leaving: 0 };

function report(): void {
  const least = seen.reduce((a, b) => Math.min(a, b), 2 ** 32);
  console.log(
    JSON.stringify({ ...state, seen: least } satisfies ClientsState),
  );
}

/** Resolves when it opens for the first time. */
function follow(index: number): Promise<void> {
  const source = new EventSource(url);
  let isOpen = false;
  source.onmessage = ({ lastEventId }) => {
    const number = Number(lastEventId.split("-")[1]);
    if (number !== seen[index]! + 1) state.wrong++;
    seen[index] = number;
  };
  source.addEventListener("gap", () => state.wrong++);
  source.onerror = (event) => {
    if (event instanceof MessageEvent) return;
    const { error } = event;
    if (isOpen) state.open--;
    isOpen = false;
    if (!state.leaving) return;
    if (error instanceof EventStreamError && error.code === "truncated") {
      state.ended++;
    }
    source.close();
  };
  return new Promise((resolve) => {
    source.onopen = () => {
      isOpen = true;
      state.open++;
      state.opens++;
      resolve();
    };
  });
}

const reporting = setInterval(report, 500);
// At most 100 connect at the same time at the start.
void inLanes(clients, 100, follow);
for await (const _ of Deno.stdin.readable) break;
state.leaving = 1;
while (state.open > 0) await pause(50);
clearInterval(reporting);
report();
Deno.exit();
