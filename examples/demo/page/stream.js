/**
 * The event stream that all tabs of this browser share.
 *
 * Over HTTP/1.1 a browser opens at most six connections to a server, and each open stream takes one. With a stream in
 * every tab, the seventh tab would wait for ever. So this module runs once for all tabs, as a SharedWorker, and passes
 * on what it receives.
 */

import { send } from "./dom.js";

/** An EventSource dispatches only the types that have a listener. */
const TYPES = [
  "breaking-news",
  "sports-news",
  "weather-update",
  "new-message",
  "user-joined",
  "user-left",
  "gap",
];
/** Milliseconds without a byte after which Rivulet's clients reconnect. The server sends a comment every 2 seconds. */
const IDLE_TIMEOUT = 4000;
/** Milliseconds before a client that has given up is started again, and before the server is asked again. */
const PATIENCE = 1000;
/** How many events are kept for tabs that are opened later. */
const KEEP = 1000;

/** @type {Record<string, (url: string, signal: AbortSignal) => Promise<void>>} */
const clients = {
  browser: (url, signal) => listen(new EventSource(url), signal),

  async rivulet(url, signal) {
    const { EventSource } = await loadClient();
    signal.throwIfAborted();
    await listen(new EventSource(url, { idleTimeout: IDLE_TIMEOUT }), signal);
  },

  async connect(url, signal) {
    const { connect } = await loadClient();
    const events = connect(url, {
      signal,
      idleTimeout: IDLE_TIMEOUT,
      onOpen: opened,
      onRetry: lost,
    });
    for await (const { event, data, id } of events) receive(event, data, id);
  },
};

/**
 * An event and when it arrived, by the server's clock.
 *
 * @typedef {{ type: string, id: string, data: string, received: number }} Received
 */
/** @type {Received[]} */
const received = [];
/** @type {Set<MessagePort>} */
const tabs = new Set();
/** What the tabs show of the stream. */
const status = {
  browser: "",
  client: "browser",
  isOpen: false,
  /** How many connections have been opened. */
  opened: 0,
  reconnections: 0,
  /** @type {{ from: number, to?: number, label: string }[]} */
  outages: [],
  /** @type {undefined | { process: string, before?: string, canRestart: boolean, isRestarting: boolean }} */
  server: undefined,
  /** When the stream was first opened, by the server's clock. Earlier events are history. */
  since: 0,
  /** How many milliseconds the server's clock is ahead. */
  ahead: 0,
  /** @type {number | undefined} The number of the last event in the log. Unknown while the server is away. */
  published: undefined,
  notice: "",
};
let running = new AbortController();
/** The button that was pressed since the connection was opened. */
let pressed = "";
/** The shortest response time of the server, in milliseconds. */
let shortest = Infinity;

/**
 * Serves a tab.
 *
 * @param {MessagePort} tab
 */
export function serve(tab) {
  tabs.add(tab);
  // Where a closed port is not reported, messages to it are dropped.
  tab.onclose = () => tabs.delete(tab);
  tab.onmessage = ({ data: { browser, client, action } }) => {
    if (browser !== undefined && status.browser === "") {
      status.browser = browser;
      start();
    }
    if (client !== undefined && client !== status.client) {
      status.client = client;
      follow();
    }
    if (action !== undefined) act(action);
  };
  tab.postMessage({ events: received, status });
}

globalThis.onconnect = ({ ports: [tab] }) => serve(tab);

/** @param {Received[]} events */
function broadcast(events = []) {
  for (const tab of tabs) tab.postMessage({ events, status });
}

/** Opens the stream, and asks the server once a second what it has to send. */
async function start() {
  await meetServer();
  status.since = serverTime();
  follow();
  for (;;) {
    await wait();
    await meetServer();
    broadcast();
  }
}

/** Opens the stream with the chosen client, and again whenever that has given up. */
async function follow() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  // An outage goes on until the new client is connected.
  status.isOpen = false;
  status.notice = "";
  broadcast();
  while (!signal.aborted) {
    // A new client cannot send the header Last-Event-ID: the server reads the query too.
    const query = new URLSearchParams({
      browser: status.browser,
      lastEventId: received.at(-1)?.id ?? "",
    });
    try {
      await clients[status.client](`/events?${query}`, signal);
    } catch (error) {
      if (!signal.aborted) status.notice = error.message;
    }
    if (signal.aborted) return;
    lost();
    await wait();
  }
}

async function loadClient() {
  try {
    return await import("/client.js");
  } catch (cause) {
    const message =
      "Cannot load this client: the server is away, or failed to build it. Trying again …";
    throw new Error(message, { cause });
  }
}

/**
 * Listens to an EventSource until it is closed. A browser's closes by itself when it is refused, and in Firefox when
 * the server is not there.
 *
 * @param {EventSource} source
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function listen(source, signal) {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      source.close();
      resolve();
    });
    source.onopen = opened;
    source.onerror = () => {
      lost();
      if (source.readyState === source.CLOSED) resolve();
    };
    for (const type of TYPES) {
      source.addEventListener(
        type,
        ({ data, lastEventId }) => receive(type, data, lastEventId),
      );
    }
  });
}

/**
 * @param {string} type
 * @param {string} data
 * @param {string} id
 */
function receive(type, data, id) {
  const event = { type, id, data, received: serverTime() };
  received.push(event);
  if (received.length > KEEP) received.shift();
  broadcast([event]);
}

async function opened() {
  status.isOpen = true;
  status.opened++;
  status.notice = "";
  pressed = "";
  if (endOutage()) status.reconnections++;
  broadcast();
  // Another process may be serving now.
  await meetServer();
  broadcast();
}

function lost() {
  if (status.opened > 0) beginOutage();
  status.isOpen = false;
  broadcast();
}

function beginOutage() {
  const last = status.outages.at(-1);
  if (last !== undefined && last.to === undefined) return;
  status.outages.push({ from: serverTime(), label: pressed || "lost" });
  if (status.outages.length > 20) status.outages.shift();
}

/** Returns whether there was one. */
function endOutage() {
  const last = status.outages.at(-1);
  if (last === undefined || last.to !== undefined) return false;
  last.to = serverTime();
  return true;
}

/** Asks which process is serving now, what time it is there, and how much has been published. */
async function meetServer() {
  const start = Date.now();
  const answer = await fetch("/server").then((response) => response.json())
    .catch(() => undefined);
  status.published = answer?.published;
  if (answer === undefined) return;
  const { process, canRestart, now } = answer;
  const end = Date.now();
  // The response is taken to have been made halfway through the wait. The shortest wait is the best estimate.
  if (end - start < shortest) {
    shortest = end - start;
    status.ahead = now - (start + end) / 2;
  }
  if (status.server?.process === process) return;
  const before = status.server?.process;
  status.server = { process, before, canRestart, isRestarting: false };
}

/**
 * Breaks the connection.
 *
 * @param {"cut" | "silence" | "restart"} action The button that was pressed.
 */
async function act(action) {
  const path = action === "restart"
    ? "/server/restart"
    : `/lines/${status.browser}/${action}`;
  pressed = action;
  try {
    await send("POST", path);
    if (action === "restart") status.server.isRestarting = true;
    if (action === "silence") {
      beginOutage();
      status.notice = status.client === "browser"
        ? "Nothing is sent now. The browser’s client does not notice, since it has no idle timeout: " +
          "cut the connection or choose another client."
        : "Nothing is sent now, not even keep-alive comments. " +
          "This client reconnects after its idle timeout of 4 s.";
    }
  } catch (error) {
    pressed = "";
    status.notice = error.message;
  }
  broadcast();
}

function wait() {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE));
}

function serverTime() {
  return Date.now() + status.ahead;
}
