import { MemoryLog } from "../../src/log/memory.ts";
import {
  age,
  compareRates,
  compareWays,
  type Effort,
  logWay,
  PADDING,
  stamped,
  type Way,
} from "./measure.ts";

/** Measures a log in memory beside the dispatch of an event. */
export async function measureMemory(effort: Effort): Promise<void> {
  const controller = new AbortController();
  const log = new MemoryLog();
  await compareWays({
    "bare EventTarget": bareWay(),
    "log": await logWay(log, log, controller.signal),
  }, effort);
  controller.abort();
  const list: string[] = [];
  await compareRates(
    () => Promise.resolve(list.push(PADDING)),
    () => log.append([{ kind: "event", body: PADDING }]),
    effort,
  );
}

function bareWay(): Way {
  const delays: number[] = [];
  const target = new EventTarget();
  target.addEventListener("message", (event) => {
    delays.push(age((event as MessageEvent<string>).data));
  });
  return {
    publish: () =>
      Promise.resolve(
        target.dispatchEvent(new MessageEvent("message", { data: stamped() })),
      ),
    delays,
  };
}
