/** Tests every recipe of docs/recipes.md. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { compress as honoCompress } from "npm:hono@^4/compress";
import { Hono } from "hono";
import {
  Channel,
  combine,
  decode,
  EventStreamError,
  respond,
} from "../../../mod.ts";
import { type EventConnection, EventSource } from "../../../src/client/mod.ts";
import type { ServerSentEvent } from "../../../src/event.ts";
import { streamEvents } from "../../../src/hono/mod.ts";
import { App } from "../../support/app.ts";
import {
  firstDatas,
  type HandlerModule,
  importProgram,
  serveHandler,
} from "../../support/program.ts";
import { readSection } from "../../support/section.ts";
import { until } from "../../support/until.ts";

const page = "docs/recipes.md";
const url = "https://example.com/";
const printedUrl = "https://example.com";

function load<T = unknown>(
  heading: string,
  file = "server.ts",
  replacements: Record<string, string> = {},
): Promise<T & HandlerModule> {
  return importProgram(page, heading, file, replacements);
}

function get(headers: Record<string, string> = {}, path = ""): Request {
  return new Request(url + path, { headers });
}

interface WithChannel {
  readonly news: Channel;
  readonly chat: Channel;
}

Deno.test("The recipe for a welcome greets a client that does not resume", async () => {
  const { handler, news } = await load<WithChannel>("Welcome");
  const first = decode(await handler(get()));
  const id = await news.publish({ data: "It rains" });
  const events = [];
  for await (const event of first) if (events.push(event) === 2) break;
  assertEquals(events.map(({ event, data }) => [event, data]), [
    ["welcome", "You are connected"],
    ["message", "It rains"],
  ]);
  await news.publish({ data: "It pours" });
  const resumed = handler(get({ "last-event-id": id }));
  assertEquals(await firstDatas(resumed, 1), ["It pours"]);
  const gapped = handler(get({ "last-event-id": "other-1" }));
  const [, welcome] = await firstDatas(gapped, 2);
  assertEquals(welcome, "You are connected");
});

Deno.test("The recipe for a snapshot sends the state, then its changes", async () => {
  const { handler, score } = await load<
    { score(player: string): Promise<void> }
  >("Snapshot of the state");
  await score("Ada");
  const events = decode(await handler(get()))[Symbol.asyncIterator]();
  const { value: table } = await events.next();
  assertEquals([table?.event, table?.data], ["table", '[["Ada",1]]']);
  await score("Ada");
  const { value: change } = await events.next();
  assertEquals([change?.event, change?.data], ["score", '["Ada",2]']);
  await events.return?.();
});

Deno.test("The recipe for the last 50 events starts a new client with them, and resumes others", async () => {
  const { handler, chat } = await load<WithChannel>("The last 50 events");
  const datas = Array.from({ length: 60 }, (_, index) => `${index + 1}`);
  const id = await chat.publish(datas.map((data) => ({ data })));
  assertEquals(await firstDatas(handler(get()), 50), datas.slice(10));
  await chat.publish({ data: "61" });
  const resumed = handler(get({ "last-event-id": id }));
  assertEquals(await firstDatas(resumed, 1), ["61"]);
});

Deno.test("The recipe for history reads every page, then follows from there", async () => {
  const { handler, chat } = await load<WithChannel>("History");
  const datas = Array.from({ length: 120 }, (_, index) => `${index + 1}`);
  await chat.publish(datas.map((data) => ({ data })));
  await using server = serveHandler(handler);
  const { follow } = await load<
    { follow(show: (text: string) => void): Promise<EventSource> }
  >("History", "client.ts", { [printedUrl]: server.url });
  const shown: string[] = [];
  const source = await follow((text) => shown.push(text));
  await chat.publish({ data: "121" });
  await until(() => shown.length === 121);
  source.close();
  assertEquals(shown, [...datas, "121"]);
  const forged = await fetch(`${server.url}/history?after=forged`);
  const { events, gap } = await forged.json();
  assertEquals([events.length, gap.reason], [50, "invalid"]);
});

Deno.test("The recipe for private messages sends each message to one user, also to a user who was disconnected", async () => {
  const { handler } = await load("Private messages");
  const of = (user: string, lastEventId = "") =>
    handler(get({ "x-user": user, "last-event-id": lastEventId }));
  const send = async (from: string, text: string, query = "") => {
    const headers = { "x-user": from };
    const init = { method: "POST", headers, body: text };
    const { status } = await handler(new Request(`${url}?${query}`, init));
    assertEquals(status, 204);
  };
  const [ada, bob] = await Promise.all([of("ada"), of("bob")]);
  await send("ada", "Lunch?", "to=bob");
  await send("bob", "Hello all");
  await send("ada", "Are you there?", "to=cleo");
  const texts = async (response: Response, count: number) =>
    (await firstDatas(response, count))
      .map((data) => JSON.parse(data).text).sort();
  assertEquals(await texts(ada, 1), ["Hello all"]);
  assertEquals(await texts(bob, 2), ["Hello all", "Lunch?"]);
  assertEquals(await texts(await of("cleo"), 1), ["Are you there?"]);
});

Deno.test('The recipe for "is typing" shows it to those who are there, and a new client messages alone', async () => {
  const { handler } = await load('"Is typing"');
  const post = async (path: string, body: string) => {
    const init = { method: "POST", body };
    const { status } = await handler(new Request(url + path, init));
    assertEquals(status, 204);
  };
  const present = await handler(get());
  await post("typing", "Ada");
  assertEquals(await firstDatas(present, 1), ["Ada"]);
  for (let count = 0; count < 40; count++) await post("typing", "Ada");
  for (const text of ["1", "2", "3"]) await post("messages", text);
  await post("typing", "Bob");
  assertEquals(await firstDatas(handler(get()), 3), ["1", "2", "3"]);
  const late = decode(await handler(get()))[Symbol.asyncIterator]();
  for (let count = 0; count < 3; count++) await late.next();
  await post("messages", "4");
  const { value: next } = await late.next();
  assertEquals([next?.event, next?.data], ["message", "4"]);
  await late.return?.();
});

Deno.test("The recipe for presence shows the users of every process, and forgets a process that is silent", async () => {
  const file = await Deno.makeTempFile({ suffix: ".db" });
  const databases: Disposable[] = [];
  const start = async () => {
    const program = await load<{ readonly database: Disposable }>(
      "Presence",
      "server.ts",
      {
        "const server =": `
          import { DatabaseSync } from "node:sqlite";
          import { SqliteLog } from "@rivulet/sse/sqlite";
          export const database = new DatabaseSync(${JSON.stringify(file)});
          const server =`,
        "new MemoryLog({ maxAge: 30_000 })":
          'new SqliteLog(database, "presence", { maxAge: 30_000 })',
      },
    );
    databases.push(program.database);
    return serveHandler(program.handler);
  };
  const realNow = Date.now;
  {
    await using first = await start();
    await using second = await start();
    const join = async ({ url }: { url: string }, user: string) => {
      const { follow } = await load<{
        follow(source: EventSource, show: (users: string[]) => void): void;
      }>("Presence", "client.ts");
      let users: string[] = [];
      const source = new EventSource(`${url}?user=${user}`);
      follow(source, (shown) => users = shown);
      return { close: () => source.close(), shows: () => users.sort().join() };
    };
    const ada = await join(first, "ada");
    const bob = await join(second, "bob");
    await until(() => ada.shows() === "ada,bob" && bob.shows() === "ada,bob");
    const cleo = await join(second, "cleo");
    await until(() =>
      [ada, bob, cleo].every((it) => it.shows() === "ada,bob,cleo")
    );
    cleo.close();
    await until(() => ada.shows() === "ada,bob");
    // As if the second process had been killed half a minute ago.
    Date.now = () => realNow() + 30_001;
    const dan = await join(first, "dan");
    await until(() => ada.shows() === "ada,dan");
    Date.now = realNow;
    for (const client of [ada, bob, dan]) client.close();
  }
  for (const database of databases) database[Symbol.dispose]();
  await Deno.remove(file);
});

Deno.test("The recipe for a kick ends all responses of the user in every process, and refuses new ones", async () => {
  const file = await Deno.makeTempFile({ suffix: ".db" });
  const start = () =>
    load<
      WithChannel & {
        readonly revocations: Channel;
        readonly database: Disposable;
        kick(user: string): Promise<void>;
      }
    >("Kick a user", "server.ts", {
      "export const revocations = new Channel();": `
        import { DatabaseSync } from "node:sqlite";
        import { SqliteLog } from "@rivulet/sse/sqlite";
        export const database = new DatabaseSync(${JSON.stringify(file)});
        export const revocations = new Channel({
          log: new SqliteLog(database, "revocations"),
        });`,
    });
  const processes = [await start(), await start()];
  const ofAda = processes.map(({ handler }) =>
    handler(get({ "x-user": "ada" }))
  );
  const ofBob = await processes[0]!.handler(get({ "x-user": "bob" }));
  const texts = ofAda.map(async (response) => (await response).text());
  await Promise.all(ofAda);
  await processes[1]!.kick("ada");
  await Promise.all(texts);
  for (const { handler, news } of processes) {
    const { status, body } = await handler(get({ "x-user": "ada" }));
    await body?.cancel();
    assertEquals(status, 403);
    await news.publish({ data: "It rains" });
  }
  assertEquals(await firstDatas(ofBob, 1), ["It rains"]);
  assertEquals(processes.map(({ news }) => news.stats.subscribers), [0, 0]);
  const late = await start();
  await until(async () => {
    const { status, body } = await late.handler(get({ "x-user": "ada" }));
    await body?.cancel();
    return status === 403;
  });
  await late.revocations.close();
  for (const { revocations, database } of [...processes, late]) {
    await until(() => revocations.stats.subscribers === 0);
    database[Symbol.dispose]();
  }
  await Deno.remove(file);
});

Deno.test("The recipe for a kick ends a response that was being created when the user was kicked", async () => {
  const { handler, kick, revocations, open } = await load<{
    readonly revocations: Channel;
    kick(user: string): Promise<void>;
    open(): void;
  }>("Kick a user", "server.ts", {
    "export const news = new Channel({": `
      import { MemoryLog } from "@rivulet/sse";
      export let open;
      const opened = new Promise((resolve) => open = resolve);
      class SlowLog extends MemoryLog {
        async read(...range) {
          await opened;
          return await super.read(...range);
        }
      }
      export const news = new Channel({
        log: new SlowLog(),`,
  });
  const pending = handler(get({ "x-user": "ada" }));
  await kick("ada");
  const headers = { "x-user": "ada" };
  // HEAD does not wait for the log.
  const probe = new Request(url, { method: "HEAD", headers });
  await until(async () => (await handler(probe)).status === 403);
  open();
  await (await pending).text();
  await revocations.close();
  await until(() => revocations.stats.subscribers === 0);
});

Deno.test("The recipe for a token that expires ends the response, and its client continues with a new token or fails with a 401", async () => {
  const { handler, news, expirations } = await load<
    WithChannel & { readonly expirations: Map<string, number> }
  >("A token that expires");
  const used = new Set<string>();
  await using server = serveHandler(async (request) => {
    const response = await handler(request);
    if (response.status === 200) {
      used.add(request.headers.get("authorization")!);
    }
    return response;
  });
  const { follow } = await load<{
    follow(
      token: () => Promise<string>,
      show: (text: string) => void,
    ): Promise<void>;
  }>("A token that expires", "client.ts", { [printedUrl]: server.url });
  let count = 0;
  const shown: string[] = [];
  const following = follow(() => {
    // The third and last token has expired already.
    const token = `token-${Math.min(++count, 3)}`;
    expirations.set(token, count < 3 ? Date.now() + 1000 : 0);
    return Promise.resolve(token);
  }, (text) => shown.push(text));
  const failed = assertRejects(() => following, EventStreamError);
  await until(() => used.size === 1);
  await news.publish({ data: "first" });
  await until(() => news.stats.subscribers === 0);
  await news.publish({ data: "second" });
  const { code, response } = await failed;
  assertEquals([code, response?.status], ["not-an-event-stream", 401]);
  assertEquals(shown, ["first", "second"]);
});

Deno.test("The recipe for an idempotency key publishes a message once, and answers with its ID", async () => {
  const heading = "POST with an idempotency key";
  const { handler, chat } = await load<WithChannel>(heading, "chat.ts");
  const post = async (key: string) => {
    const headers = { "idempotency-key": key };
    const init = { method: "POST", body: "Hello", headers };
    const response = await handler(new Request(url, init));
    return [response.status, await response.text()];
  };
  const [status, id] = await post("1");
  assertEquals([status, await post("1")], [201, [201, id]]);
  assertEquals((await post(""))[0], 400);
  const { events } = await chat.read();
  assertEquals(events.map(({ id, data }) => [id, data]), [[id, "Hello"]]);
});

Deno.test("The recipe for an idempotency key places an order once, and its stream continues after a cut", async () => {
  const { handler } = await load("POST with an idempotency key");
  const refused = await handler(new Request(url, { method: "POST", body: "" }));
  assertEquals(refused.status, 400);
  const keys: (string | null)[] = [];
  await using server = serveHandler(async (request) => {
    keys.push(request.headers.get("idempotency-key"));
    const response = await handler(request);
    return keys.length === 1 ? cutAfter("accepted", response) : response;
  });
  const { place } = await load<{ place(order: string): EventConnection }>(
    "POST with an idempotency key",
    "client.ts",
    { [printedUrl]: server.url },
  );
  const names = [];
  for await (const { event } of place("1 tea")) names.push(event);
  assertEquals(names, ["accepted", "done"]);
  assertEquals(keys.length, 2);
  assertEquals(new Set(keys).size, 1);
});

Deno.test("The recipe for a POST that a GET resumes sends the POST once and yields each event once", async () => {
  const { handler } = await load("Resume a POST with a GET");
  const requests: string[] = [];
  await using server = serveHandler(async (request) => {
    requests.push(`${request.method} ${request.headers.get("last-event-id")}`);
    const response = await handler(request);
    return requests.length < 3 ? cutAfter("data: ", response) : response;
  });
  const { ask } = await load<
    { ask(prompt: string): AsyncGenerator<ServerSentEvent> }
  >("Resume a POST with a GET", "client.ts", { [printedUrl]: server.url });
  const datas = [];
  for await (const { data } of ask("To be or")) datas.push(data);
  assertEquals(datas, ["To", " be", " or", ""]);
  assertEquals(requests.map((request) => request.split(" ")[0]), [
    "POST",
    "GET",
    "GET",
  ]);
  const missing = await fetch(`${server.url}/answers/none`);
  assertEquals([missing.status, await missing.text()], [404, "No such answer"]);
});

Deno.test("The recipe for hot reload keeps its channel when the module is loaded twice", async () => {
  const [first, second] = await Promise.all([
    load<WithChannel>("Hot reload", "news.ts"),
    load<WithChannel>("Hot reload", "news.ts"),
  ]);
  assert(first !== second);
  const events = first.news.subscribe();
  await second.news.publish({ data: "It rains" });
  for await (const { data } of events) {
    assertEquals(data, "It rains");
    break;
  }
  delete (globalThis as { news?: Channel }).news;
});

Deno.test("combine() accepts a kept channel when the package is loaded twice", async () => {
  const copy: string = "../../../src/server/channel.ts?copy";
  const other: { Channel: typeof Channel } = await import(copy);
  assert(other.Channel !== Channel);
  const news = new other.Channel({ from: "earliest" });
  await news.publish({ data: "It rains" });
  for await (const { channel, data } of combine({ news }).subscribe()) {
    assertEquals([channel, data], ["news", "It rains"]);
    break;
  }
});

Deno.test("The recipe for compression compresses a page and leaves an event stream uncompressed", async () => {
  const { compress } = await load<{ compress(response: Response): Response }>(
    "Compression",
    "compress.ts",
  );
  await using server = serveHandler((request) =>
    compress(
      new URL(request.url).pathname === "/page"
        ? new Response("To be ".repeat(1000))
        : respond(request, [{ data: "1" }]),
    )
  );
  const response = await fetch(`${server.url}/page`);
  assertEquals(response.headers.get("content-encoding"), "gzip");
  assertEquals((await response.text()).length, 6000);
  const stream = await fetch(server.url);
  assertEquals(stream.headers.get("content-encoding"), null);
  assertEquals(await stream.text(), ":\n\ndata: 1\n\n");
});

Deno.test("compress() of Hono does not compress event streams", async () => {
  const app = new Hono();
  app.use(honoCompress());
  app.get("/", (c) => streamEvents(c, [{ data: "x".repeat(10_000) }]));
  const headers = { "accept-encoding": "gzip" };
  const response = await app.request("/", { headers });
  assertEquals(response.headers.get("content-encoding"), null);
  await response.body?.cancel();
});

Deno.test("The recipe for shutdown ends a response of each kind and the process at SIGTERM and SIGINT", async () => {
  const { files } = await readSection(page, "Shutdown");
  const folder = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const config = `${Deno.cwd()}/deno.json`;
  const run = ["run", "-A", "--no-lock", "--config", config, "main.ts"];
  const env = { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:$PORT" };
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    await using app = await App.start(folder, [Deno.execPath(), ...run], {
      env,
    });
    const responses = ["/news", "/answer", "/"].map((path) =>
      fetch(app.url + path)
    );
    const texts = (await Promise.all(responses)).map((it) => it.text());
    app.signal(name);
    const [news, , own] = await Promise.all(texts);
    assert(/^id: /m.test(news!), news);
    assert(own!.includes("data: 1\n"), own);
    assertEquals((await app.status).code, 0, app.output);
  }
  await Deno.remove(folder, { recursive: true });
});

/** Ends a response after the event that contains a text. */
function cutAfter(text: string, { body, headers }: Response): Response {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let before = "";
  const cut = body!.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        before += decoder.decode(chunk, { stream: true });
        const start = before.indexOf(text);
        if (start === -1) return;
        const end = before.indexOf("\n\n", start) + 2;
        controller.enqueue(encoder.encode(before.slice(0, end)));
        controller.terminate();
      },
    }),
  );
  return new Response(cut, { headers });
}
