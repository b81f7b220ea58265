/** What the app of each section in docs/frameworks.md has to do, over sockets. */
// Not @std/assert: the task of the proofs runs where JSR cannot be reached too.
import {
  deepStrictEqual as assertEquals,
  match as assertMatch,
} from "node:assert/strict";
import { decode } from "../../../mod.ts";
import type { App } from "../../support/app.ts";
import { until } from "../../support/until.ts";

/** How an app differs from the others. */
export interface Differences {
  /** The path of its channel; default `/news`. */
  readonly path?: string;
  /** The content type of a publication; default `text/plain`. */
  readonly contentType?: string;
  /** The close reason of a subscriber that disconnects; default `disconnected`. */
  readonly reason?: string;
  /** The exit code after SIGINT; default 0. */
  readonly exitCode?: number;
}

type Check = (app: App, differences: Differences) => Promise<void>;

/** The checks, by name. */
export const checks: Readonly<Record<string, Check>> = {
  "sends each event when it is published": sendOneByOne,
  "notices that an idle client disconnects, and resumes it": noticeAndResume,
  "keeps the headers and cookies of middleware": keepHeaders,
  "ends its streams and its process at SIGINT": end,
};

async function sendOneByOne(app: App, differences: Differences): Promise<void> {
  const events = decode(await follow(app, differences))[Symbol.asyncIterator]();
  for (const data of ["It rains", "It pours"]) {
    // The next one is not published before this one has arrived.
    await publish(app, data, differences);
    assertEquals((await events.next()).value?.data, data);
  }
  await events.return?.();
}

async function noticeAndResume(
  app: App,
  differences: Differences,
): Promise<void> {
  const events = decode(await follow(app, differences))[Symbol.asyncIterator]();
  await publish(app, "seen", differences);
  const { value: seen } = await events.next();
  await events.return?.();
  const { reason = "disconnected" } = differences;
  await until(() => app.output.includes(`A client has left: ${reason}`));
  await publish(app, "missed", differences);
  const resumed = await follow(app, differences, { "last-event-id": seen!.id });
  for await (const { data } of decode(resumed)) {
    assertEquals(data, "missed");
    break;
  }
}

async function keepHeaders(app: App, differences: Differences): Promise<void> {
  const { status, headers, body } = await follow(app, differences);
  await body?.cancel();
  assertEquals([status, headers.get("content-type")], [
    200,
    "text/event-stream",
  ]);
  assertEquals(headers.get("cache-control"), "no-cache, no-transform");
  assertEquals(headers.get("x-accel-buffering"), "no");
  assertMatch(headers.get("x-request-id") ?? "", /./);
  assertMatch(headers.get("set-cookie") ?? "", /seen=yes/);
}

async function end(app: App, differences: Differences): Promise<void> {
  const responses = await Promise.all([
    follow(app, differences),
    follow(app, differences),
  ]);
  const texts = responses.map((response) => response.text());
  app.signal("SIGINT");
  for (const text of await Promise.all(texts)) assertMatch(text, /^id: /m);
  const { code, signal } = await app.status;
  assertEquals([code, signal], [differences.exitCode ?? 0, null]);
}

/** Follows the channel of an app. */
export async function follow(
  { url }: App,
  { path = "/news" }: Differences,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(url + path, { headers });
}

/** Publishes to the channel of an app, and returns the ID. */
export async function publish(
  { url }: App,
  body: string,
  { path = "/news", contentType = "text/plain" }: Differences,
): Promise<string> {
  const headers = { "content-type": contentType };
  const response = await fetch(url + path, { method: "POST", body, headers });
  const id = await response.text();
  assertMatch(id, /-\d+$/);
  return id;
}
