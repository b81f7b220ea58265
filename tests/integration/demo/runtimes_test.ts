/** The demo's three entry points, each started as its user starts it and tested over HTTP. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { ANSWER } from "../../../examples/demo/answers.ts";
import { decode, json, type ServerSentEvent } from "../../../mod.ts";
import { startDeno } from "../../../tools/process.ts";
import { until } from "../../support/until.ts";
import { type Demo, startOnBun, startOnDeno, startOnWorkerd } from "./demo.ts";

const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);

/** Reads events up to one that matches, or all of them. */
async function takeUntil(
  url: string,
  isLast: (event: ServerSentEvent) => boolean,
  lastEventId = "",
): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  const headers = { "last-event-id": lastEventId };
  for await (const event of decode(await fetch(url, { headers }))) {
    events.push(event);
    if (isLast(event)) break;
  }
  return events;
}

async function send(
  method: string,
  url: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  const isFile = body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    headers: { "content-type": isFile ? "image/png" : "application/json" },
    body: isFile ? body as BodyInit : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

async function checkPage({ url }: Demo): Promise<void> {
  const page = await fetch(`${url}/`);
  assertEquals(page.headers.get("content-type"), "text/html; charset=utf-8");
  const html = await page.text();
  for (const [, path] of html.matchAll(/(?:href|src)="(\/[^"]+)"/g)) {
    assertEquals((await send("GET", url + path)).status, 200, path);
  }
  const client = await fetch(`${url}/client.js`);
  assertMatch(await client.text(), /export\s*\{.*EventSource/s);
}

async function checkNews({ url }: Demo): Promise<void> {
  const missing = new Set(["breaking-news", "sports-news", "weather-update"]);
  const isAll = ({ event }: ServerSentEvent): boolean => {
    missing.delete(event);
    return missing.size === 0;
  };
  const [first, ...others] = await takeUntil(`${url}/events`, isAll);
  const { id: last } = others.at(-1)!;
  const isLast = ({ id }: ServerSentEvent) => id === last;
  const resumed = await takeUntil(`${url}/events`, isLast, first!.id);
  assertEquals(resumed, others);
  for (const event of [first!, ...others]) {
    if (event.event !== "weather-update") continue;
    const { sky, degrees } = json<{ sky: string; degrees: number }>(event);
    assertEquals(sky === "snow", degrees <= 0, event.data);
  }
}

async function checkChat({ url }: Demo): Promise<void> {
  const tab = crypto.randomUUID();
  const member = `${url}/chat/members/${tab}`;
  const message = { text: "a <b>\n字", key: "1" };
  const post = () => send("POST", `${member}/messages`, message);
  assertEquals((await post()).status, 403);
  const join = (name: string) => send("PUT", member, membership(name));
  assertEquals((await join(" Ann ")).status, 204);
  // Again, as a client does that received no response.
  assertEquals((await join("Ann")).status, 204);
  assertEquals([(await post()).status, (await post()).status], [204, 204]);
  assertEquals((await send("DELETE", member)).status, 204);
  const events = await takeUntil(
    `${url}/events`,
    ({ event }) => event === "user-left",
  );
  const chat = events.filter(({ event }) => /^(new|user)-/.test(event));
  assertEquals(
    chat.map((event) => [event.event, json<{ name: string }>(event).name]),
    [["user-joined", "Ann"], ["new-message", "Ann"], ["user-left", "Ann"]],
  );
  assertEquals(json<{ text: string }>(chat[1]!).text, message.text);
}

function membership(name: unknown): unknown {
  return { name, browser: "a browser", key: "a key" };
}

async function checkChatLimits({ url }: Demo): Promise<void> {
  const member = `${url}/chat/members/${crypto.randomUUID()}`;
  const status = async (...args: Parameters<typeof send>) =>
    (await send(...args)).status;
  assertEquals(await status("PUT", member, membership(" ")), 400);
  assertEquals(await status("PUT", member, membership("a".repeat(33))), 400);
  assertEquals(await status("PUT", member, membership(1)), 400);
  assertEquals(await status("PUT", member, "x"), 400);
  assertEquals(await status("PUT", member, membership("a".repeat(5000))), 413);
  assertEquals(
    await status("PUT", `${url}/chat/members/1`, membership("a")),
    404,
  );
  assertEquals(await status("PUT", member, { name: "Ann" }), 400);
  assertEquals(await status("PUT", member, membership("Ann")), 204);
  const text = "a".repeat(501);
  const key = "1";
  assertEquals(await status("POST", `${member}/messages`, { text, key }), 400);
  assertEquals(await status("POST", `${member}/messages`, { text: "a" }), 400);
  const foreign = {
    origin: "https://example.com",
    "content-type": "text/plain",
  };
  const forged = await fetch(member, { method: "DELETE", headers: foreign });
  assertEquals([forged.status, await forged.text()], [403, "Forbidden"]);
  assertEquals(await status("DELETE", member), 204);
}

async function announce(url: string, file: unknown): Promise<string> {
  const { text } = await send("POST", `${url}/uploads`, file);
  return `${url}/uploads/${JSON.parse(text).id}`;
}

async function checkUpload({ url }: Demo): Promise<void> {
  const file = new Uint8Array(300_000);
  file.set(png);
  const upload = await announce(url, { name: "a'ü.png", size: file.length });
  const followed = takeUntil(`${upload}/events`, () => false);
  assertEquals((await send("PUT", upload, file)).status, 201);
  const events = await followed;
  const last = events.pop()!;
  assertEquals(last.event, "upload-complete");
  let before = 0;
  for (const event of events) {
    assertEquals(event.event, "progress-update");
    const { received, size } = json<Record<string, number>>(event);
    assert(received! > before && size === file.length);
    before = received!;
  }
  assertEquals(before, file.length);
  const saved = await fetch(url + json<{ link: string }>(last).link);
  assertEquals(await saved.bytes(), file);
  assertEquals(
    saved.headers.get("content-disposition"),
    "attachment; filename*=UTF-8''a%27%C3%BC.png",
  );
  assertEquals((await send("PUT", upload, file)).status, 409);
  await checkOver(`${upload}/events`);
}

/** A stream that has ended answers 204 to a client that reconnects, which stops an EventSource. */
async function checkOver(url: string): Promise<void> {
  const stream = decode(await fetch(url));
  for await (const _ of stream);
  const headers = { "last-event-id": stream.lastEventId };
  const response = await fetch(url, { headers });
  assertEquals([response.status, await response.text()], [204, ""]);
}

async function checkRefusedUploads({ url }: Demo): Promise<void> {
  const large = { name: "a.png", size: 6 * 1024 * 1024 };
  assertEquals((await send("POST", `${url}/uploads`, large)).status, 413);
  const empty = { name: "a.png", size: 0 };
  assertEquals((await send("POST", `${url}/uploads`, empty)).status, 400);

  async function refused(size: number, file: Uint8Array): Promise<string> {
    const upload = await announce(url, { name: "a.png", size });
    const { status, text } = await send("PUT", upload, file);
    const events = await takeUntil(`${upload}/events`, () => false);
    const last = events.at(-1)!;
    assertEquals(last.event, "upload-error");
    assertNotEquals(status, 201);
    assertEquals((await send("GET", `${upload}/file`)).status, 409);
    const { message } = json<{ message: string }>(last);
    assertEquals(message, text);
    return message;
  }

  const html = new TextEncoder().encode("<script>alert(1)</script>");
  assertMatch(await refused(html.length, html), /not a PNG, JPEG/);
  assertMatch(await refused(2, html.subarray(0, 2)), /not a PNG, JPEG/);
  assertMatch(await refused(8, new Uint8Array([...png, 1])), /larger/);
  assertMatch(await refused(9, png), /broke off/);
}

async function checkAnswer({ url }: Demo): Promise<void> {
  const { text } = await send("POST", `${url}/answers`);
  const answer = `${url}/answers/${JSON.parse(text).id}`;
  const never = () => false;
  const isThird = ({ id }: ServerSentEvent) => /-4$/.test(id);
  const [begun, follower] = await Promise.all([
    takeUntil(answer, isThird),
    takeUntil(answer, never),
  ]);
  const rest = await takeUntil(answer, never, begun.at(-1)!.id);
  assertEquals([...begun, ...rest], follower);
  assertEquals(follower.pop()!.event, "done");
  assertEquals(follower.map(({ data }) => data).join(""), ANSWER);

  const stopped = await send("POST", `${url}/answers`);
  const other = `${url}/answers/${JSON.parse(stopped.text).id}`;
  await takeUntil(other, isThird);
  assertEquals((await send("DELETE", other)).status, 204);
  const all = await takeUntil(other, never);
  assertEquals(all.pop()!.event, "stopped");
  const said = all.map(({ data }) => data).join("");
  assert(ANSWER.startsWith(said) && said.length < ANSWER.length);
  await checkOver(other);
  const unknown = `${url}/answers/${crypto.randomUUID()}`;
  assertEquals((await send("GET", unknown)).status, 404);
}

async function checkDemo(demo: Demo): Promise<void> {
  await checkPage(demo);
  await checkChat(demo);
  await checkChatLimits(demo);
  await Promise.all([
    checkNews(demo),
    checkUpload(demo),
    checkRefusedUploads(demo),
    checkAnswer(demo),
  ]);
}

interface ServerInfo {
  process: string;
  canRestart: boolean;
}

async function serverInfo({ url }: Demo): Promise<ServerInfo> {
  return JSON.parse((await send("GET", `${url}/server`)).text);
}

/** Restarts the server while an answer is written, and checks that nothing is missing. */
async function checkRestart(demo: Demo): Promise<void> {
  const { url } = demo;
  const before = await serverInfo(demo);
  assert(before.canRestart);
  const { text } = await send("POST", `${url}/answers`);
  const answer = `${url}/answers/${JSON.parse(text).id}`;
  const begun = await takeUntil(answer, () => true);
  const news = await takeUntil(`${url}/events`, () => true);
  assertEquals((await send("POST", `${url}/server/restart`)).status, 202);
  await until(async () => {
    const info = await serverInfo(demo).catch(() => before);
    return info.process !== before.process;
  });
  const isFortieth = ({ id }: ServerSentEvent) => /-40$/.test(id);
  const rest = await takeUntil(answer, isFortieth, begun[0]!.id);
  const words = [...begun, ...rest].map(({ data }) => data).join("");
  assert(ANSWER.startsWith(words), words);
  // The newsroom went on meanwhile, and its numbers too.
  const isLater = ({ event }: ServerSentEvent) => event === "weather-update";
  const later = await takeUntil(`${url}/events`, isLater, news[0]!.id);
  const numberOf = ({ id }: ServerSentEvent) => Number(id.split("-")[1]);
  assertEquals(
    later.map(numberOf),
    later.map((_, i) => numberOf(news[0]!) + 1 + i),
  );
}

async function withFolder(
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "demo_" });
  await run(folder).finally(() => Deno.remove(folder, { recursive: true }));
}

Deno.test("The demo serves on Deno and restarts its server", () =>
  withFolder(async (folder) => {
    await using demo = await startOnDeno(`${folder}/demo.db`);
    await checkDemo(demo);
    await checkRestart(demo);
  }));

Deno.test("The demo uses the next port when its default port is in use", () =>
  withFolder(async (folder) => {
    await using first = await startOnDeno(`${folder}/first.db`);
    const port = Number(new URL(first.url).port);
    await using second = await startOnDeno(`${folder}/second.db`, port);
    assert(Number(new URL(second.url).port) > port);
    const infos = await Promise.all([serverInfo(first), serverInfo(second)]);
    assertNotEquals(infos[0].process, infos[1].process);
  }));

Deno.test("The demo refuses a PORT that is not one, in one line", async () => {
  const demo = startDeno("examples/demo/deno.ts", [], {
    env: { DEMO_FILE: ":memory:", PORT: "abc" },
    stderr: "piped",
  });
  assertEquals(await demo.ended, 1);
  assertEquals(
    demo.stderr,
    'Cannot start the demo: PORT must be a free port from 1 to 65535: received "abc"\n',
  );
});

Deno.test("The demo serves on Bun and restarts its server", () =>
  withFolder(async (folder) => {
    await using demo = await startOnBun(`${folder}/demo.db`);
    await checkDemo(demo);
    await checkRestart(demo);
  }));

Deno.test("The demo serves on workerd, and reports that it cannot restart its server", () =>
  withFolder(async (folder) => {
    await using demo = await startOnWorkerd(folder);
    await checkDemo(demo);
    assertEquals((await serverInfo(demo)).canRestart, false);
    const { status } = await send("POST", `${demo.url}/server/restart`);
    assertEquals(status, 501);
  }));
