import { element, find, time } from "./dom.js";

const MAX_RESULTS = 4;
const SKIES = { sunny: "☀", cloudy: "☁", rain: "☂", thunder: "⚡", snow: "❄" };

/**
 * Shows a piece of news, each kind in its own way.
 *
 * @param {string} type
 * @param {any} report
 */
export function showNews(type, report) {
  if (type === "breaking-news") showHeadline(report);
  if (type === "sports-news") showResult(report);
  if (type === "weather-update") showWeather(report);
}

/** The headline takes the place of the last one. */
function showHeadline({ at, headline }) {
  find("breaking").replaceChildren(
    time(at),
    " ",
    element("strong", {}, headline),
  );
}

/** A table of the latest results. */
function showResult({ home, guest, score }) {
  const rows = find("sports").tBodies[0];
  const cells = [home, score.join(" : "), guest].map((text) =>
    element("td", {}, text)
  );
  rows.prepend(element("tr", {}, ...cells));
  if (rows.rows.length > MAX_RESULTS) rows.lastElementChild.remove();
}

/** A tile for each city, with what is known last. */
function showWeather({ city, sky, degrees }) {
  const tiles = find("weather");
  const content = [
    element("span", { role: "img", "aria-label": sky }, SKIES[sky]),
    element("strong", {}, `${degrees}°`),
    element("span", {}, city),
  ];
  for (const tile of tiles.children) {
    if (tile.dataset.city === city) return tile.replaceChildren(...content);
  }
  tiles.append(element("li", { "data-city": city }, ...content));
}
