/** The programs that docs/server.md prints. */
import { assertEquals } from "@std/assert";
import { Channel, decode } from "../../../mod.ts";
import type { EventSource } from "../../../src/client/mod.ts";
import { withClock } from "../../support/clock.ts";
import {
  firstDatas,
  type HandlerModule,
  importProgram,
  serveHandler,
} from "../../support/program.ts";
import { stream } from "../../support/sse_server.ts";

const page = "docs/server.md";
const url = "https://example.com/";

function after(lastEventId: string): Request {
  return new Request(url, { headers: { "last-event-id": lastEventId } });
}

Deno.test("The handler of docs/server.md sends ticks after any last event ID, and ends", async () => {
  const { handler } = await importProgram<HandlerModule>(
    page,
    "Answer a request",
    "server.ts",
  );
  await withClock(async (clock) => {
    for (const [sent, id] of [["", "1"], ["41", "42"], ["evil", "1"]]) {
      for await (const event of decode(await handler(after(sent!)))) {
        assertEquals([event.event, event.id], ["tick", id]);
        break;
      }
    }
    await clock.advance(1000);
    assertEquals(clock.timers, 0);
  });
  assertEquals(await (await handler(after("60"))).text(), ":\n\n");
});

Deno.test("The channel of docs/server.md sends posted messages, and those a client missed", async () => {
  const { handler } = await importProgram<HandlerModule>(
    page,
    "Broadcast with a channel",
    "server.ts",
  );
  const post = async (body: string) => {
    const response = await handler(new Request(url, { method: "POST", body }));
    assertEquals(response.status, 201);
    return await response.text();
  };
  const response = await handler(new Request(url));
  const id = await post("It rains");
  assertEquals(await firstDatas(response, 1), ["It rains"]);
  await post("It pours");
  await post("It stops");
  const missed = ["It pours", "It stops"];
  assertEquals(await firstDatas(handler(after(id)), 2), missed);
});

Deno.test("The filter of docs/server.md sends the events of one room and the announcements", async () => {
  const { handler, rooms } = await importProgram<
    HandlerModule & { readonly rooms: Channel }
  >(page, "Filter events", "server.ts");
  const response = handler(new Request(`${url}?room=kitchen`));
  await response;
  await rooms.publish([
    { event: "cellar", data: "The light is on" },
    { event: "kitchen", data: "The kettle boils" },
    { event: "announcement", data: "Dinner" },
  ]);
  assertEquals(await firstDatas(response, 2), ["The kettle boils", "Dinner"]);
});

Deno.test("The combination of docs/server.md sends both channels, and resumes each", async () => {
  const { handler, news, weather } = await importProgram<
    HandlerModule & { readonly news: Channel; readonly weather: Channel }
  >(page, "Combine channels", "server.ts");
  await weather.publish({ data: "Sun" });
  const response = await handler(new Request(url));
  let id = "";
  for await (const event of decode(response)) {
    assertEquals(event.data, "Sun");
    id = event.id;
    break;
  }
  await news.publish({ data: "It works" });
  await weather.publish({ data: "Rain" });
  const missed = await firstDatas(handler(after(id)), 2);
  assertEquals(missed.sort(), ["It works", "Rain"]);
});

Deno.test("The subscription of docs/server.md shows the prices of a combination", async () => {
  const { follow, prices, news } = await importProgram<{
    follow(show: (text: string) => void): Promise<void>;
    readonly prices: Channel;
    readonly news: Channel;
  }>(page, "Combine channels", "follow.ts");
  const shown: string[] = [];
  const following = follow((text) => shown.push(text));
  // The contract of the program's channel takes an object.
  await prices.publish(
    { event: "tick", data: { price: 42 } } as unknown as { data: string },
  );
  await news.publish({ data: "It works" });
  await Promise.all([prices.close(), news.close()]);
  await following;
  assertEquals(shown, ["42.00"]);
});

Deno.test("The client of docs/server.md resets its state when events are missing", async () => {
  const channel = new Channel();
  let requests = 0;
  await using server = serveHandler((request) =>
    requests++ === 0
      ? stream("retry: 0\nid: other-7\ndata: 1\n\n")(request)
      : channel.respond(request)
  );
  const { follow } = await importProgram<
    { follow(onReset: () => void): EventSource }
  >(page, "Missed events", "client.ts", {
    "https://example.com": server.url,
  });
  const source = await new Promise<EventSource>((resolve) => {
    const source = follow(() => resolve(source));
  });
  source.close();
  assertEquals(requests, 2);
});

Deno.test("The sessions of docs/server.md end the response at logout, and answer 401 afterwards", async () => {
  const { handler, sessions, logOut } = await importProgram<
    HandlerModule & {
      readonly sessions: Map<string, AbortController>;
      logOut(session: string): void;
    }
  >(page, "End a response", "server.ts");
  sessions.set("s1", new AbortController());
  const headers = { authorization: "s1" };
  const response = await handler(new Request(url, { headers }));
  const text = response.text();
  logOut("s1");
  await text;
  assertEquals((await handler(new Request(url, { headers }))).status, 401);
});

Deno.test("A channel sends what docs/wire.md shows", async () => {
  const text = await Deno.readTextFile("docs/wire.md");
  const [, shown] = text.match(/^\$ curl [^\n]*\n(.*?)^```$/ms)!;
  let sent = "";
  await withClock(async (clock) => {
    const news = new Channel();
    const response = await news.respond(new Request(url));
    const reading = (async () => {
      const chunks = response.body!.pipeThrough(new TextDecoderStream());
      for await (const chunk of chunks) {
        sent += chunk;
        if (sent.includes("\n:")) break;
      }
    })();
    await clock.advance(0);
    await news.publish({ event: "headline", data: "It rains" });
    await clock.advance(8100);
    await reading;
  });
  const withoutChance = (text: string) =>
    text.trim().replace(/^retry: \d{4}$/m, "retry")
      .replace(/^id: [a-z\d]{16}-/m, "id: epoch-");
  assertEquals(withoutChance(sent), withoutChance(shown!));
});
