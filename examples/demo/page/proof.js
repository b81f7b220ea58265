import { find, setText } from "./dom.js";

/**
 * Proves that nothing was lost. The server numbers its events 1, 2, 3, … and the number is the end of an event's ID: a
 * number that is skipped is a missed event, one that is repeated is a duplicate.
 */
const counts = { received: 0, missed: 0, duplicated: 0, gaps: 0 };
let epoch = "";
let last = 0;

/** @param {import("./stream.js").Received} event */
export function count({ type, id }) {
  const [, newEpoch, digits] = id.match(/^(.*)-(\d+)$/);
  const number = Number(digits);
  if (type === "gap") {
    // The server itself reports that events are no longer stored. The next one follows this number.
    counts.gaps++;
  } else {
    counts.received++;
    if (epoch === newEpoch) {
      counts.missed += Math.max(0, number - last - 1);
      if (number <= last) counts.duplicated++;
    } else if (epoch !== "") counts.missed++;
  }
  last = newEpoch === epoch ? Math.max(last, number) : number;
  epoch = newEpoch;
}

export function showCounts() {
  const { received, missed, duplicated, gaps } = counts;
  const proof = find("proof");
  for (const [i, total] of [missed, duplicated, gaps].entries()) {
    const part = proof.children[i];
    part.lastChild.textContent = total.toLocaleString();
    part.classList.toggle("bad", total > 0);
  }
  setText("received", received.toLocaleString());
}
