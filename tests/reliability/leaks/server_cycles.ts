/** A server whose clients connect and disconnect, on any runtime. */
import type { ServerSentEventInit } from "../../../src/event.ts";
import { MemoryLog } from "../../../src/log/memory.ts";
import { Channel } from "../../../src/server/channel.ts";
import { respond } from "../../../src/server/respond.ts";
import { resumable } from "../../../src/server/resumable.ts";
import { track } from "./held.ts";

/** Short, since workerd detects some disconnects only by a failed write. */
export const KEEP_ALIVE = 1000;

/** Counts the watchers of the log. */
class WatchedLog extends MemoryLog {
  watchers = 0;

  override watch(wake: () => void, signal: AbortSignal): void {
    this.watchers++;
    signal.addEventListener("abort", () => this.watchers--, { once: true });
    super.watch(wake, signal);
  }
}

/** A request handler, and the counts that must be 0 after all clients have disconnected. */
export interface Visited {
  handle(request: Request): Response | Promise<Response>;
  open(): number;
}

async function* three(): AsyncGenerator<ServerSentEventInit> {
  for (let id = 1; id <= 3; id++) {
    yield await Promise.resolve({ id, data: "event" });
  }
}

function responding(): Visited {
  let visits = 0;
  let open = 0;
  return {
    handle(request) {
      open++;
      const ends = visits++ % 2 === 0;
      return respond(request, async function* ({ signal }) {
        yield* three();
        if (ends) return;
        await new Promise((resolve) =>
          signal.addEventListener("abort", resolve)
        );
      }, { keepAlive: KEEP_ALIVE, onClose: () => open-- });
    },
    open: () => open,
  };
}

function channel(): Visited {
  const log = new WatchedLog();
  const channel = new Channel({ log, from: "earliest", keepAlive: KEEP_ALIVE });
  void channel.publish([{ data: "a" }, { data: "b" }, { data: "c" }]);
  return {
    handle: (request) => channel.respond(request),
    open: () => channel.stats.subscribers + log.watchers,
  };
}

/** A new stream for every visit, read to the end or cancelled earlier. */
function resuming(): Visited {
  const producing = new Set<WatchedLog>();
  const watched = new Set<WatchedLog>();
  return {
    async handle(request) {
      const log = new WatchedLog();
      producing.add(log);
      watched.add(log);
      const stream = track(resumable(log, three, { keepAlive: KEEP_ALIVE }));
      const response = await stream.respond(request);
      void stream.done.then(() => producing.delete(log));
      return response;
    },
    open() {
      for (const log of watched) {
        if (!producing.has(log) && log.watchers === 0) watched.delete(log);
      }
      return watched.size;
    },
  };
}

/** Every way to respond. */
export const visited: Record<string, () => Visited> = {
  "respond()": responding,
  "Channel": channel,
  "resumable()": resuming,
};
