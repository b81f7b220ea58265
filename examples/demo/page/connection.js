import { find } from "./dom.js";
import { send } from "./server.js";
import { tab } from "./tab.js";

/** An EventSource tells of the types that are asked for by name, and of no others. */
const TYPES = [
  "breaking-news",
  "sports-news",
  "weather-update",
  "new-message",
  "user-joined",
  "user-left",
  "gap",
];
const STATES = ["0 CONNECTING", "1 OPEN", "2 CLOSED"];
const IDLE_TIMEOUT = 4000;
/** How long to wait before another EventSource when one has given up, in milliseconds. */
const PATIENCE = 2000;

/** The page's one connection, and the line that tells how it is. */
export class Connection {
  /** @type {EventSource | undefined} */
  #source;
  #opened = 0;
  #client = "browser";
  #lastEventId;
  #onEvent;
  #onOpen;

  /**
   * @param {string} lastEventId Where to resume, "" for the beginning.
   * @param {(event: import("./tab.js").Received) => void} onEvent
   * @param {() => void} onOpen Called whenever a connection has been made.
   */
  constructor(lastEventId, onEvent, onOpen) {
    this.#lastEventId = lastEventId;
    this.#onEvent = onEvent;
    this.#onOpen = onOpen;
    find("controls").addEventListener("change", (event) => {
      this.#client = event.target.value;
      this.open();
    });
    for (const action of ["cut", "silence"]) {
      find(action).onclick = () => this.#ask(action);
    }
  }

  /** Opens a connection in the place of the one there is. */
  async open() {
    this.#source?.close();
    this.#source = undefined;
    this.#showState();
    const client = this.#client;
    const Source = await load(client).catch((error) =>
      this.#say(error.message)
    );
    // The visitor may have chosen again meanwhile.
    if (client !== this.#client || this.#source !== undefined) return;
    if (Source === undefined) return;
    // The header Last-Event-ID is the browser's to send, and only when it reconnects.
    const query = new URLSearchParams({ tab, lastEventId: this.#lastEventId });
    this.#follow(new Source(`/events?${query}`, { idleTimeout: IDLE_TIMEOUT }));
  }

  /** @param {EventSource} source */
  #follow(source) {
    this.#source = source;
    source.onopen = () => {
      this.#opened++;
      this.#say("");
      this.#showState();
      this.#onOpen();
    };
    source.onerror = () => {
      this.#showState();
      if (source.readyState !== source.CLOSED) return;
      // It has given up: after a refusal, or in Firefox when the server was not there.
      setTimeout(() => this.#source === source && this.open(), PATIENCE);
    };
    for (const type of TYPES) {
      source.addEventListener(type, ({ data, lastEventId }) => {
        this.#lastEventId = lastEventId;
        find("last-event-id").textContent = lastEventId;
        if (type === "gap") {
          this.#say("Events are missing: the server keeps them no longer.");
        }
        this.#onEvent({ type, id: lastEventId, data });
      });
    }
  }

  #showState() {
    const state = this.#source?.readyState ?? 0;
    find("ready-state").textContent = STATES[state];
    find("ready-state").dataset.state = state;
    find("reconnections").textContent = Math.max(0, this.#opened - 1);
  }

  /** @param {string} action What is to be done to this tab's connections. */
  async #ask(action) {
    try {
      await send("POST", `/lines/${tab}/${action}`);
      if (action === "silence") this.#say("The server is silent from now on.");
    } catch (error) {
      this.#say(String(error));
    }
  }

  /** @param {string} text */
  #say(text) {
    find("notice").textContent = text;
    find("notice").hidden = text === "";
  }
}

/**
 * @param {string} client
 * @returns {Promise<any>} The class.
 */
async function load(client) {
  if (client === "browser") return EventSource;
  const { EventSource: Source } = await import("/client.js");
  return Source;
}
