/**
 * `clients.ts URL CLIENTS`: so many `EventSource`s on a channel to which nothing was published yet. It tells how they are twice a
 * second, as JSON, until it is told `leave`: then each closes when its stream has ended, and the process ends with the last.
 */
import { EventSource } from "../../../src/client/event_source.ts";
import { EventStreamError } from "../../../src/error.ts";
import { pause } from "../../../tools/pause.ts";

/** How the clients are. */
export interface ClientsState {
  open: number;
  /** The number of the last event that every client has. */
  seen: number;
  /** How many events were lost, doubled or out of order. */
  wrong: number;
  /** How often a connection was made. */
  opens: number;
  /** Last streams that ended as a response should, and not by a broken connection. */
  ended: number;
  /** Whether it was told that the next end is the last. */
  leaving: boolean;
}

/** How many connect at once at the start. */
const AT_ONCE = 100;

const [url, clients] = [Deno.args[0]!, Number(Deno.args[1])];
const seen = new Uint32Array(clients);
const counts = { open: 0, wrong: 0, opens: 0, ended: 0 };
let leaving = false;

function state(): ClientsState {
  const least = seen.reduce((a, b) => Math.min(a, b), 2 ** 32);
  return { ...counts, leaving, seen: least };
}

/** Resolves when it is open for the first time. */
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
