import { element, find } from "./dom.js";

const MAX = 200;

/**
 * Shows an event as it arrived, the newest first.
 *
 * @param {import("./tab.js").Received} event
 */
export function logEvent({ type, id, data }) {
  const cells = [type, id, data].map((text) => element("td", {}, text));
  const rows = find("events");
  rows.prepend(element("tr", {}, ...cells));
  if (rows.children.length > MAX) rows.lastElementChild.remove();
}
