import { element, find, time } from "./dom.js";

const SKIES = { sunny: "☀", cloudy: "☁", rain: "☂", thunder: "⚡", snow: "❄" };
const RESULTS = 4;
/** @type {string[][]} */
const results = [];

/**
 * Shows a report, each kind in its own way.
 *
 * @param {string} type
 * @param {any} report
 */
export function showNews(type, report) {
  if (type === "breaking-news") showHeadline(report);
  if (type === "sports-news") showResult(report);
  if (type === "weather-update") showWeather(report);
}

/** The headline replaces the one before. */
function showHeadline({ at, headline }) {
  find("breaking").replaceChildren(
    time(at),
    " ",
    element("strong", {}, headline),
  );
}

/** The latest results. The rows stay where they are, and their texts move down. */
function showResult({ home, guest, score }) {
  results.unshift([home, score.join(" : "), guest]);
  results.length = Math.min(results.length, RESULTS);
  const body = find("sports").tBodies[0];
  for (const [i, texts] of results.entries()) {
    const row = body.rows[i] ?? body.insertRow();
    for (const [j, text] of texts.entries()) {
      (row.cells[j] ?? row.insertCell()).textContent = text;
    }
  }
}

/** A tile for each city, with the latest report. */
function showWeather({ city, sky, degrees }) {
  const tile = find("weather").querySelector(`[data-city="${city}"]`);
  const [icon, temperature] = tile.children;
  icon.textContent = SKIES[sky];
  icon.setAttribute("aria-label", sky);
  temperature.textContent = `${degrees}°`;
}
