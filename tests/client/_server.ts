import type { ConnectionOptions } from "../../src/client/mod.ts";
import { type ScriptedReply, scriptedServer } from "../../src/testing/mod.ts";
import { fixtureUrl } from "../_fixture.ts";
import type {
  Order,
  READ as read,
  SocketReply,
  SocketRequest,
} from "../fixture/routes/client.ts";
import { until } from "../support/until.ts";

export type { SocketReply } from "../fixture/routes/client.ts";

/** The step of a reply that waits until the client has read all events so far; see the fixture. */
export const READ: typeof read = null;

/** A request over any transport: the header as text, not as bytes. */
export interface Seen {
  readonly method: string;
  readonly lastEventId: string | undefined;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A server for one test. */
export interface TestServer {
  readonly url: string;
  /** The options that a client needs to connect to it. */
  readonly options: Pick<ConnectionOptions, "fetch">;
  /** An `idleTimeout` in ms that is longer than its replies take, even on a busy machine. */
  readonly idleTimeout: number;
  requests(): Promise<Seen[]>;
  /** Reports to the server that the client has read another event, which it waits for at {@linkcode READ}. */
  tellRead(): Promise<void>;
  /** Resolves when this many requests have arrived. */
  requested(count: number): Promise<void>;
  /** Resolves when the server has no open connection. */
  allLeft(): Promise<void>;
}

/** Retry options with the shortest delays. */
export const quick = { delay: 1, minDelay: 0 };

/** Every kind of server. */
export const servers: [
  name: string,
  start: (script: SocketReply[]) => Promise<TestServer>,
][] = [
  ["a scripted server", (script) => Promise.resolve(scripted(script))],
  ["a real server", (script) => realServer({ script })],
];

/** A scripted server as a test server. */
function scripted(script: SocketReply[]): TestServer {
  const server = scriptedServer(script.map(scriptedReply));
  return {
    url: "https://example.com/stream",
    options: { fetch: server.fetch },
    idleTimeout: 20,
    requests: () => Promise.all(server.requests.map(seen)),
    tellRead: () => Promise.resolve(),
    requested: (count) => until(() => server.requests.length >= count),
    allLeft: () => until(() => server.connections === 0),
  };
}

/** The script without the steps that only sockets need: a scripted server sends a chunk when the client reads. */
function scriptedReply(reply: SocketReply): ScriptedReply {
  if (reply === "refuse") return new TypeError("refused");
  const body = reply.body?.filter((step) => step !== READ);
  return { ...reply, body };
}

async function seen(request: Request): Promise<Seen> {
  const headers = Object.fromEntries(request.headers);
  return {
    method: request.method,
    lastEventId: textOf(headers["last-event-id"]),
    headers,
    body: await request.clone().text(),
  };
}

let origin: string | undefined;

/** A server that listens on a socket. */
export async function realServer(
  order: Order,
  host?: "localhost",
): Promise<TestServer> {
  origin ??= await getText("/client/origin");
  const path = await getText("/client/servers", JSON.stringify(order));
  const requests = async (): Promise<SocketRequest[]> =>
    JSON.parse(await getText(`/client/requests?${path}`));
  return {
    url: (host === undefined ? origin : origin.replace("127.0.0.1", host)) +
      path,
    options: {},
    idleTimeout: 1000,
    requests: async () =>
      (await requests()).map((request) => ({
        ...request,
        lastEventId: textOf(request.headers["last-event-id"]),
      })),
    tellRead: async () => void await getText(`/client/read?${path}`),
    requested: (count) => until(async () => (await requests()).length >= count),
    allLeft: () =>
      until(async () => (await requests()).every(({ left }) => left)),
  };
}

async function getText(path: string, body?: string): Promise<string> {
  const init = body === undefined ? {} : { method: "POST", body };
  const response = await fetch(fixtureUrl + path, init);
  return response.text();
}

/** Decodes a header value, whose characters are bytes, except in workerd, which decodes them itself. */
function textOf(value: string | undefined): string | undefined {
  if (value === undefined || /[^\0-\xff]/.test(value)) return value;
  const bytes = Uint8Array.from(value, (byte) => byte.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return value;
  }
}
