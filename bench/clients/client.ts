/**
 * Clients for `race.ts`, in a separate process and any runtime. They take turns reading the same stream from the same
 * server. Arguments: the URL, the number of its events, the number of rounds. It prints the times.
 */
import { argv } from "node:process";
import { EventSource as Peer } from "npm:eventsource@5.1.5";
import { connect, EventSource } from "../../src/client/mod.ts";
import { race } from "../_race.ts";

const [url, count, rounds] = argv.slice(2) as [string, string, string];
const events = Number(count);

/** The interface of all these classes. */
interface AnyEventSource {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: Event) => void) | null;
  close(): void;
}

/** Throws unless an event has the expected data. */
function check(index: number, data: string): void {
  if (!data.startsWith(`${index} `)) {
    throw new Error(`${data} came in the place of event ${index}`);
  }
}

function readWith(
  Source: new (url: string) => AnyEventSource,
): () => Promise<void> {
  return () =>
    new Promise((resolve, reject) => {
      const source = new Source(url);
      let seen = 0;
      source.onerror = () => reject(new Error(`It failed behind ${seen}`));
      source.onmessage = ({ data }) => {
        check(seen++, data);
        if (seen < events) return;
        source.close();
        resolve();
      };
    });
}

async function readConnection(): Promise<void> {
  let seen = 0;
  for await (const { data } of connect(url)) {
    check(seen++, data);
    if (seen === events) return;
  }
}

const contenders = [
  { name: "EventSource", run: readWith(EventSource) },
  { name: "connect()", run: readConnection },
  { name: "eventsource", run: readWith(Peer) },
  ...globalThis.EventSource === undefined ? [] : [
    { name: "the runtime's own", run: readWith(globalThis.EventSource) },
  ],
];
const effort = { rounds: Number(rounds), turn: 0 };
console.log(JSON.stringify(await race(contenders, undefined, effort)));
