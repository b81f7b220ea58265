import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import {
  Channel,
  type EventLog,
  type Resumable,
  resumable,
  type ServerSentEventInit,
} from "../../src/server/mod.ts";
import type { OpenLog } from "./app.ts";

/** What the demo's model answers. */
export const ANSWER =
  `It goes on. The model writes its words into a log, and each word gets a number. \
The server reads that log and sends your browser what comes after the last number it received. \
Restart the server now: the words written in the meantime arrive as soon as your browser is \
connected again, each of them once.

Reload the page, and the text is still there. Only the Stop button ends it early.`;

/** Milliseconds between two words. */
const PACE = 120;
/** How many answers are written at the same time. */
const MAX_RUNNING = 20;
/** Milliseconds to wait until the model has begun to answer. */
const PATIENCE = 5000;

/** Takes questions, and serves their answers. */
export function answers(openLog: OpenLog): Hono {
  const questions = openQuestions(openLog);
  const app = new Hono();
  const one = "/:id{[\\w-]{36}}";

  app.post("/", async (c) => {
    const id = crypto.randomUUID();
    await questions.publish({ data: id });
    if (await hasBegun(openAnswer(openLog, id))) return c.json({ id }, 201);
    return c.text("The model is busy. Try again.", 503);
  });
  app.get(one, async (c) => {
    const answer = await findAnswer(openLog, c.req.param("id"));
    return answer.respond(c.req.raw);
  });
  app.delete(one, async (c) => {
    const answer = await findAnswer(openLog, c.req.param("id"));
    await answer.abort("Stopped by a visitor");
    return c.body(null, 204);
  });
  return app;
}

/** Answers each question that is asked from now on. */
export async function answerQuestions(openLog: OpenLog): Promise<void> {
  let running = 0;
  for await (const { event, data: id } of openQuestions(openLog).subscribe()) {
    if (event !== "message" || running >= MAX_RUNNING) continue;
    running++;
    const answer = answerIn(openAnswer(openLog, id));
    answer.start().then(() => answer.done)
      .catch((error) => console.error(`Answer ${id}:`, error))
      .finally(() => running--);
  }
}

/** The questions, each the ID of its answer. The log is the queue between the server and the model. */
function openQuestions(openLog: OpenLog): Channel {
  return new Channel({ log: openLog("questions", { maxEvents: 100 }) });
}

function openAnswer(openLog: OpenLog, id: string): EventLog {
  return openLog(`answer ${id}`, { idleTtl: 600_000 });
}

/** An answer that goes on when its reader, or the server, is away. */
function answerIn(log: EventLog): Resumable {
  return resumable(log, write, {
    lease: 3000,
    keepAlive: 2000,
    retry: 1000,
    abortEvent: { event: "stopped", data: "Stopped by a visitor" },
    onError: (error) => console.error("An answer failed:", error),
  });
}

async function* write(): AsyncGenerator<ServerSentEventInit> {
  for (const data of ANSWER.match(/\s*\S+/g)!) {
    yield { event: "token", data };
    await new Promise((resolve) => setTimeout(resolve, PACE));
  }
  yield { event: "done", data: "Complete" };
}

/** Waits for the first word. A request that came earlier would start the answer in the server's own process. */
async function hasBegun(log: EventLog): Promise<boolean> {
  const signal = AbortSignal.timeout(PATIENCE);
  const words = new Channel({ log }).subscribe({ from: "earliest", signal });
  try {
    for await (const _ of words) return true;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return false;
}

async function findAnswer(openLog: OpenLog, id: string): Promise<Resumable> {
  const log = openAnswer(openLog, id);
  const { last } = await log.read(0, { entries: 1, bytes: 1 });
  if (last > 0) return answerIn(log);
  throw new HTTPException(404, { message: "There is no such answer." });
}
