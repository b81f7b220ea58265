import { find } from "./dom.js";
import { serverTime } from "./server.js";

const SECONDS = 60;
const HEIGHT = 40;
const SVG = "http://www.w3.org/2000/svg";

/** What each of the last seconds brought, the present one last. */
const seconds = Array.from({ length: SECONDS }, empty);
const start = serverTime();

function empty() {
  return { events: 0, latency: 0 };
}

/**
 * Counts an event. What is older than this page is history, and says nothing about the connection.
 *
 * @param {number | undefined} at When it was published.
 */
export function count(at) {
  if (at === undefined || at < start) return;
  const second = seconds[SECONDS - 1];
  second.events++;
  second.latency = Math.max(second.latency, serverTime() - at, 1);
}

/**
 * Draws one bar for each second; the highest has the whole height.
 *
 * @param {SVGElement} plot
 * @param {number[]} values
 */
function draw(plot, values) {
  const max = Math.max(...values, 1);
  const bars = values.map((value, i) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = HEIGHT * value / max;
    const box = { x: i, y: HEIGHT - height, width: 0.7, height };
    for (const [name, size] of Object.entries(box)) {
      bar.setAttribute(name, String(size));
    }
    return bar;
  });
  plot.setAttribute("viewBox", `0 0 ${SECONDS} ${HEIGHT}`);
  plot.setAttribute("preserveAspectRatio", "none");
  plot.replaceChildren(...bars);
}

setInterval(() => {
  const rates = seconds.map(({ events }) => events);
  const latencies = seconds.map(({ latency }) => latency);
  draw(find("rate-plot"), rates);
  draw(find("latency-plot"), latencies);
  find("rate").textContent = `${rates.at(-1)} now, at most ${
    Math.max(...rates)
  }`;
  const [latest = 0] = latencies.filter((latency) => latency > 0).slice(-1);
  find("latency").textContent = `${Math.round(latest)} ms now, at most ${
    Math.round(Math.max(...latencies))
  } ms`;
  seconds.shift();
  seconds.push(empty());
}, 1000);
