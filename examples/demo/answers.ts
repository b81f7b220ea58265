import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import {
  type EventLog,
  type Resumable,
  resumable,
  type ServerSentEventInit,
} from "../../src/server/mod.ts";

/** What the demo's model has to say. */
export const ANSWER =
  `A stream that is cut is not lost. Every event here has an id, which is its place in a log: \
when the connection breaks, the browser sends back the last id that it saw, and the server \
reads on from there. Nothing is kept for you in between but that one number.

This answer is written by a producer that does not know whether anybody is reading. Reload the \
page, and the words that came meanwhile are there at once; open it in a second window, and both \
follow the same text. Only the stop button stops it — and if the process that writes it should \
die, the lease in the log runs out, and whoever is still reading is told so. 🌊`;

/** How long a word takes, in milliseconds. */
const PACE = 80;
/** How many answers are given at once, and how many are remembered. */
const MAX_RUNNING = 20;
const MAX_ANSWERS = 100;
const TTL = 600_000;

/** Answers, word by word, that go on while their reader is away. */
export function answers(openLog: (id: string) => EventLog): Hono {
  const kept = new Answers(openLog);
  const app = new Hono();
  const one = "/:id{[\\w-]{36}}";

  app.post("/", (c) => {
    if (kept.running >= MAX_RUNNING) return c.text("Too much to say.", 503);
    return c.json({ id: kept.add() }, 201);
  });
  app.get(one, async (c) => {
    const answer = await kept.get(c.req.param("id"));
    return answer.respond(c.req.raw);
  });
  app.delete(one, async (c) => {
    const answer = await kept.get(c.req.param("id"));
    await answer.abort("Stopped by a visitor");
    return c.body(null, 204);
  });
  return app;
}

class Answers {
  /** How many this process is giving. */
  running = 0;
  readonly #openLog: (id: string) => EventLog;
  readonly #answers = new Map<string, Resumable>();

  constructor(openLog: (id: string) => EventLog) {
    this.#openLog = openLog;
  }

  /** Makes an answer, which the first to ask for it starts, and gives its ID. */
  add(): string {
    const id = crypto.randomUUID();
    this.#open(id, this.#openLog(id));
    return id;
  }

  async get(id: string): Promise<Resumable> {
    const answer = this.#answers.get(id);
    if (answer !== undefined) return answer;
    // It may have begun before this process did. What has not is nobody's to start.
    const log = this.#openLog(id);
    const { last } = await log.read(0, { entries: 1, bytes: 1 });
    if (last > 0) return this.#open(id, log);
    throw new HTTPException(404, { message: "There is no such answer." });
  }

  #open(id: string, log: EventLog): Resumable {
    const answer = resumable(log, () => this.#produce(), {
      lease: 3000,
      ttl: TTL,
      keepAlive: 2000,
      retry: 500,
      onError: (error) => console.error(`Answer ${id}:`, error),
    });
    this.#answers.set(id, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > MAX_ANSWERS) this.#answers.delete(oldest!);
    return answer;
  }

  async *#produce(): AsyncGenerator<ServerSentEventInit> {
    this.running++;
    try {
      for (const data of ANSWER.match(/\s*\S+/g)!) {
        yield { event: "token", data };
        await new Promise((resolve) => setTimeout(resolve, PACE));
      }
      yield { event: "done", data: "" };
    } finally {
      this.running--;
    }
  }
}
