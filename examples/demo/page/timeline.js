import { find, setText } from "./dom.js";

/** How many milliseconds the plot shows. */
const WINDOW = 30_000;
/** Milliseconds after which an event is drawn as late. */
const LATE = 400;
const SVG = "http://www.w3.org/2000/svg";

/** Where time is zero in the plot. Everything drawn stays where it is; the whole moves to the left. */
const origin = Date.now();
const paper = find("paper");
/** @type {{ at: number, received: number, line: SVGElement }[]} */
let events = [];
/** @type {Map<number, { rect: SVGElement, text: SVGElement }>} */
const outages = new Map();
let now = () => Date.now();

/**
 * Draws an event as a line from when it was published, at the top, to when it was received, at the bottom.
 *
 * @param {number} at
 * @param {number} received
 */
export function drawEvent(at, received) {
  if (received < now() - WINDOW) return;
  // The clocks are compared with an error of some milliseconds.
  received = Math.max(at, received);
  const isLate = received - at > LATE;
  const line = draw("lines", "line", {
    x1: place(at),
    x2: place(received),
    y1: "0",
    y2: "100%",
    class: isLate ? "late" : "",
  });
  events.push({ at, received, line });
}

/**
 * Draws the outages, and sets the clock.
 *
 * @param {{ outages: { from: number, to?: number, label: string }[], ahead: number }} status
 */
export function drawOutages(status) {
  now = () => Date.now() + status.ahead;
  for (const { from, to = now(), label } of status.outages) {
    if (from < now() - 2 * WINDOW) continue;
    let outage = outages.get(from);
    if (outage === undefined) {
      const x = place(from);
      const rect = draw("bands", "rect", { x, height: "100%" });
      const text = draw("labels", "text", { x, dx: "0.6em", y: "0.4em" });
      outages.set(from, outage = { rect, text });
    }
    const seconds = ((to - from) / 1000).toFixed(1);
    outage.rect.setAttribute("width", `${100 * (to - from) / WINDOW}%`);
    outage.text.textContent = `${label}, ${seconds} s`;
  }
}

/** @param {number} time */
function place(time) {
  return `${100 * (time - origin) / WINDOW}%`;
}

/**
 * @param {string} group
 * @param {string} tag
 * @param {Record<string, string>} attributes
 */
function draw(group, tag, attributes) {
  const shape = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    shape.setAttribute(name, value);
  }
  find(group).append(shape);
  return shape;
}

function showNumbers() {
  const limit = now() - WINDOW;
  events = events.filter(({ received, line }) => {
    if (received >= limit) return true;
    line.remove();
    return false;
  });
  for (const [from, { rect, text }] of outages) {
    if (from > limit - WINDOW) continue;
    rect.remove();
    text.remove();
    outages.delete(from);
  }
  // Of whole seconds: the last one is that before the present one.
  const last = Math.floor(now() / 1000) - 1;
  /** @type {Record<number, number>} */
  const rates = {};
  for (const { received } of events) {
    const second = Math.floor(received / 1000);
    rates[second] = (rates[second] ?? 0) + 1;
  }
  const latencies = events.map(({ at, received }) => received - at);
  show("rate", rates[last] ?? 0, Math.max(0, ...Object.values(rates)));
  show("latency", latencies.at(-1) ?? 0, Math.max(0, ...latencies));
}

/**
 * @param {string} id
 * @param {number} latest
 * @param {number} peak
 */
function show(id, latest, peak) {
  const [a, b] = [latest, peak].map((n) => Math.round(n).toLocaleString());
  setText(id, `${a}, peak ${b}`);
}

function move() {
  paper.setAttribute("x", `${100 - 100 * (now() - origin) / WINDOW}%`);
}

const isStill = matchMedia("(prefers-reduced-motion: reduce)");
function animate() {
  if (!isStill.matches) move();
  requestAnimationFrame(animate);
}

setInterval(() => {
  showNumbers();
  move();
}, 1000);
animate();
