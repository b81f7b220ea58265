/** What a tab keeps over a reload. */

const KEEP = 1000;

/** @returns {string} An ID that nobody can guess. */
export function randomId() {
  // Not randomUUID(), which a page has over HTTPS and on localhost alone.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}

/** The tab's own ID. */
export const tab = sessionStorage.getItem("tab") ?? randomId();
sessionStorage.setItem("tab", tab);

/**
 * An event as it arrived.
 *
 * @typedef {{ type: string, id: string, data: string }} Received
 */

/** The events that the page has shown. The last one's ID is where it resumes, so they are kept with it or not at all. */
export class History {
  /** @type {Received[]} */
  events = [];

  constructor() {
    try {
      this.events = JSON.parse(sessionStorage.getItem("events") ?? "[]");
    } catch {
      // Begin anew: the server has the history.
    }
    addEventListener("pagehide", () => this.#save());
  }

  /** The last event's ID, `""` when there is none. */
  get lastEventId() {
    return this.events.at(-1)?.id ?? "";
  }

  /** @param {Received} event */
  add(event) {
    this.events.push(event);
    if (this.events.length > KEEP) this.events.shift();
  }

  #save() {
    sessionStorage.setItem("events", JSON.stringify(this.events));
  }
}
