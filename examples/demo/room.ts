import { Channel, type EventLog } from "../../mod.ts";
import { nextReport } from "./newsroom.ts";

/** How long the newsroom pauses between reports, in milliseconds. */
const PAUSE = { min: 300, max: 1500 };

/** Opens the channel that every page follows; there is news in it for as long as somebody does. */
export function openRoom(log: EventLog): Channel {
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function report(): Promise<void> {
    try {
      await room.publish(nextReport());
    } catch (error) {
      console.error("The newsroom cannot publish:", error);
    }
    if (timer !== undefined) schedule();
  }

  function schedule(): void {
    const pause = PAUSE.min + Math.random() * (PAUSE.max - PAUSE.min);
    timer = setTimeout(report, pause);
  }

  const room = new Channel(log, {
    from: "earliest",
    keepAlive: 2000,
    retry: 500,
    maxSubscribers: 500,
    onSubscribe: () => timer ?? schedule(),
    onUnsubscribe() {
      if (room.stats.subscribers > 0) return;
      clearTimeout(timer);
      timer = undefined;
    },
    onError: (error) => console.error("The room's log failed:", error),
  });
  return room;
}
