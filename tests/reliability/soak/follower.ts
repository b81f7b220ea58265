import { connect, EventSource } from "../../../src/client/mod.ts";
import type { Ledger } from "./ledger.ts";
import { pause } from "../../../tools/pause.ts";

const retry = { minDelay: 5, maxDelay: 200, maxAttempts: 10_000 };

/** A client that records everything it receives in its ledger; returns a function that stops it and throws its error. */
export type Follow = (
  url: string,
  ledger: Ledger,
  idleTimeout: number,
) => () => Promise<void>;

/** Both client APIs. */
export const apis: Record<string, Follow> = {
  "connect()": (url, ledger, idleTimeout) => {
    const events = connect(url, { retry, idleTimeout });
    const following = (async () => {
      for await (const event of events) {
        ledger.receive(event);
        // Sometimes a connection is cut while earlier events are not handled yet.
        if (ledger.received % 50 === 0) await pause(20);
      }
    })();
    // An unhandled rejection would hide why the soak ends.
    following.catch(() => {});
    return async () => {
      await events.close();
      await following;
    };
  },
  EventSource: (url, ledger, idleTimeout) => {
    const source = new EventSource(url, { retry, idleTimeout });
    let failure: unknown;
    const receive = ({ type, data, lastEventId }: MessageEvent): void =>
      ledger.receive({ event: type, data, id: lastEventId });
    source.addEventListener("message", receive);
    source.addEventListener("gap", receive);
    source.addEventListener("error", (event) => {
      if (source.readyState === EventSource.CLOSED) failure = event;
    });
    return () => {
      source.close();
      return failure === undefined
        ? Promise.resolve()
        : Promise.reject(failure);
    };
  },
};
