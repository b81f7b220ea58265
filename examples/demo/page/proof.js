import { find, setText } from "./dom.js";

/**
 * Proves that nothing was lost. The server numbers its events 1, 2, 3, … and the number is the end of an event's ID: a
 * number that is skipped is a missed event, unless it comes later, out of order. One that is repeated is a duplicate.
 */
const counts = { duplicated: 0, late: 0, gaps: 0 };
/** @type {Set<string>} The IDs that were skipped. */
const missing = new Set();
let epoch = "";
let last = 0;

/** @param {import("./stream.js").Received} event */
export function count({ type, id }) {
  const [, newEpoch, digits] = id.match(/^(.*)-(\d+)$/);
  const number = Number(digits);
  if (type === "gap") {
    // The server itself reports that events are no longer stored. The next one follows this number.
    counts.gaps++;
  } else if (epoch !== newEpoch) {
    // The end of the log before is unknown, and counts as one.
    if (epoch !== "") missing.add(`${epoch}-end`);
  } else if (number <= last) {
    if (missing.delete(id)) counts.late++;
    else counts.duplicated++;
    return;
  } else {
    while (++last < number) missing.add(`${epoch}-${last}`);
  }
  last = number;
  epoch = newEpoch;
}

/** @param {number} [published] The number of the last event in the server's log, if the server can be asked. */
export function showCounts(published) {
  const { duplicated, late, gaps } = counts;
  const proof = find("proof");
  for (const [i, n] of [missing.size, duplicated, late, gaps].entries()) {
    const part = proof.children[i];
    part.lastChild.textContent = n.toLocaleString();
    part.classList.toggle("bad", n > 0);
  }
  setText("received", last.toLocaleString());
  // The answer of the server may be older than the last event.
  const total = Math.max(published ?? NaN, last);
  const show = (/** @type {number} */ n) => isNaN(n) ? "?" : n.toLocaleString();
  setText("published", show(total));
  setText("outstanding", show(total - last));
}
