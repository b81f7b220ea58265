import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { readJson, readText } from "./input.ts";
import type { Room } from "./room.ts";

const MAX_NAME = 32;
const MAX_TEXT = 500;

/** The ways into the chat; the way out is the room's stream of events. */
export function chat(room: Room): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: 4096 }));

  app.put("/members/:tab{[\\w-]{16,64}}", async (c) => {
    const { name } = await readJson(c.req.raw);
    await room.join(c.req.param("tab"), readText("A name", name, MAX_NAME));
    return c.body(null, 204);
  });

  app.delete("/members/:tab", async (c) => {
    await room.leave(c.req.param("tab"));
    return c.body(null, 204);
  });

  app.post("/members/:tab/messages", async (c) => {
    const { text, key } = await readJson(c.req.raw);
    const tab = c.req.param("tab");
    // A page that has no answer tries again with the same key, and the message is published once.
    const idempotencyKey = `${tab} ${readText("A key", key, 64)}`;
    const message = readText("A message", text, MAX_TEXT);
    const isSaid = await room.say(tab, message, { idempotencyKey });
    return isSaid ? c.body(null, 204) : c.text("Join the chat first.", 403);
  });
  return app;
}
