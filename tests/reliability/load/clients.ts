/**
 * `clients.ts URL CLIENTS`: opens CLIENTS `EventSource`s on a channel without events. It prints their state twice a
 * second, as JSON. After `leave` on stdin, each closes when its stream ends, and the process exits after the last.
 */
import { EventSource } from "../../../src/client/event_source.ts";
import { EventStreamError } from "../../../src/error.ts";
import { pause } from "../../../tools/pause.ts";

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
  /** Whether it closes at the next end of its stream. */
  leaving: boolean;
}

/** How many clients connect at the same time at the start. */
const AT_ONCE = 100;

const [url, clients] = [Deno.args[0]!, Number(Deno.args[1])];
const seen = new Uint32Array(clients);
const counts = { open: 0, wrong: 0, opens: 0, ended: 0 };
let leaving = false;

function state(): ClientsState {
  const least = seen.reduce((a, b) => Math.min(a, b), 2 ** 32);
  return { ...counts, leaving, seen: least };
}

/** Resolves when it opens for the first time. */
function follow(index: number): Promise<void> {
  const source = new EventSource(url);
  let isOpen = false;
  source.onmessage = ({ lastEventId }) => {
    const number = Number(lastEventId.split("-")[1]);
    if (number !== seen[index]! + 1) counts.wrong++;
    seen[index] = number;
  };
  source.addEventListener("gap", () => counts.wrong++);
  source.onerror = (event) => {
    if (event instanceof MessageEvent) return;
    const { error } = event;
    if (isOpen) counts.open--;
    isOpen = false;
    if (!leaving) return;
    if (error instanceof EventStreamError && error.code === "truncated") {
      counts.ended++;
    }
    source.close();
  };
  return new Promise((resolve) => {
    source.onopen = () => {
      isOpen = true;
      counts.open++;
      counts.opens++;
      resolve();
    };
  });
}

async function followAll(): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: AT_ONCE }, async () => {
    while (next < clients) await follow(next++);
  });
  await Promise.all(lanes);
}

const telling = setInterval(() => console.log(JSON.stringify(state())), 500);
void followAll();
for await (const _ of Deno.stdin.readable) break;
leaving = true;
while (counts.open > 0) await pause(50);
clearInterval(telling);
console.log(JSON.stringify(state()));
Deno.exit();
