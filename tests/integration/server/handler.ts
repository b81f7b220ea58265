/** One handler for every runtime: responses of each kind, and how they ended. */
import { Hono } from "hono";
import type { ServerSentEventInit } from "../../../src/event.ts";
import { MemoryLog } from "../../../src/log/memory.ts";
import { Channel } from "../../../src/server/channel.ts";
import { respond } from "../../../src/server/respond.ts";
import { kinds } from "./kinds.ts";
import { publish } from "./publish.ts";

/** What happened so far. */
export interface State {
  /** How often a source was asked for an event. */
  asked: number;
  /** How many sources were returned. */
  returned: number;
  /** How many signals aborted. */
  aborted: number;
  /** How many requests wait for `/release`. */
  late: number;
  /** Why responses ended. */
  closes: string[];
  /** What went wrong. */
  errors: string[];
  subscribers: number;
  /** The subscribers of the channels in `/follow/`. */
  followers: Record<string, number>;
  /** The memory of the process in bytes; 0 where it is unknown. */
  memory: number;
}

const state = {
  asked: 0,
  returned: 0,
  aborted: 0,
  late: 0,
  closes: [] as string[],
  errors: [] as string[],
};

const onError = (error: unknown): void => void state.errors.push(`${error}`);
const onClose = (reason: string): void => void state.closes.push(reason);

/** Only the runtime shows that a client has disconnected. */
const channel = new Channel({
  log: new MemoryLog({ maxBytes: 8 * 1024 * 1024 }),
  keepAlive: false,
  retry: 0,
  onError,
  onUnsubscribe: (_, reason) => onClose(reason),
});

const channels = new Map(
  Object.entries(kinds).map(([kind, options]) => [
    kind,
    new Channel(options),
  ]),
);

/** An event, and then silence, or an event every few milliseconds, until it is stopped. */
async function* source(
  signal: AbortSignal,
  pause: number,
): AsyncGenerator<ServerSentEventInit> {
  signal.addEventListener("abort", () => state.aborted++);
  try {
    for (;;) {
      state.asked++;
      yield { data: "event" };
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          resolve();
        });
      });
      if (signal.aborted) return;
    }
  } finally {
    state.returned++;
  }
}

const PAUSES: Record<string, number> = {
  idle: 3_600_000,
  silent: 3_600_000,
  writing: 5,
};

/** Short where a Worker must notice a disconnected client, which it does only when it writes. */
const KEEP_ALIVES: Record<string, number | false | undefined> = {
  idle: 1000,
  writing: false,
};

function answer(request: Request, mode: string): Response {
  return respond(
    request,
    ({ signal }) => source(signal, PAUSES[mode]!),
    { keepAlive: KEEP_ALIVES[mode], onClose, onError },
  );
}

function report(): State {
  const { process } = globalThis as {
    process?: { memoryUsage?: () => { rss: number } };
  };
  return {
    ...state,
    subscribers: channel.stats.subscribers,
    followers: Object.fromEntries(
      [...channels].map(([kind, { stats }]) => [kind, stats.subscribers]),
    ),
    memory: process?.memoryUsage?.().rss ?? 0,
  };
}

let release!: () => void;
const released = new Promise<void>((resolve) => release = resolve);

const app = new Hono();

app.get("/respond/:mode", (c) => answer(c.req.raw, c.req.param("mode")));
app.get("/late", async (c) => {
  state.late++;
  await released;
  return answer(c.req.raw, "silent");
});
app.post("/release", (c) => {
  release();
  return c.text("");
});
app.get("/channel", (c) => channel.respond(c.req.raw));
app.get(
  "/follow/:kind",
  (c) => channels.get(c.req.param("kind"))!.respond(c.req.raw),
);
app.post("/follow/:kind", async (c) => {
  const channel = channels.get(c.req.param("kind"))!;
  return c.text(await channel.publish({ data: await c.req.text() }));
});
app.get("/fail", (c) =>
  respond(c.req.raw, async function* () {
    yield { data: "event" };
    await null;
    throw new Error("secret");
  }, { onError, onClose }));
app.get("/id", (c) =>
  respond(c.req.raw, ({ lastEventId }) => [{
    data: lastEventId,
  }]));
app.post("/publish", (c) => publish(channel, c.req.raw));
app.get("/state", (c) => c.json(report()));

/** Answers a request. */
export const handle: (request: Request) => Response | Promise<Response> =
  app.fetch;

/** The same in workerd. */
const worker: { fetch: typeof handle } = {
  fetch: (request) => handle(request),
};
export default worker;
