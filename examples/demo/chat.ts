import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { readJson, readText } from "./input.ts";
import type { Room } from "./room.ts";

const MAX_NAME = 32;
const MAX_TEXT = 500;
const MAX_ID = 64;

/** What a page sends to the chat. It receives the chat with the room's events. */
export function chat(room: Room): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: 4096 }));

  app.put("/members/:tab{[\\w-]{16,64}}", async (c) => {
    const { name, browser, key } = await readJson(c.req.raw);
    await room.join(c.req.param("tab"), {
      name: readText("A name", name, MAX_NAME),
      browser: readText("A browser", browser, MAX_ID),
      key: readText("A key", key, MAX_ID),
    });
    return c.body(null, 204);
  });

  app.delete("/members/:tab", async (c) => {
    await room.leave(c.req.param("tab"));
    return c.body(null, 204);
  });

  app.post("/members/:tab/away", (c) => {
    room.away(c.req.param("tab"));
    return c.body(null, 204);
  });

  app.post("/members/:tab/messages", async (c) => {
    const { text, key } = await readJson(c.req.raw);
    const tab = c.req.param("tab");
    // A page that received no response sends the same key again, and the message is published once.
    const idempotencyKey = `${tab} ${readText("A key", key, MAX_ID)}`;
    const message = readText("A message", text, MAX_TEXT);
    const isSaid = await room.say(tab, message, { idempotencyKey });
    return isSaid ? c.body(null, 204) : c.text("Join the chat first.", 403);
  });
  return app;
}
