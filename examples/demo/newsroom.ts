import type { ServerSentEventInit } from "../../mod.ts";

const headlines = [
  "Comet seen with the naked eye over the northern sky",
  "Night trains return to eleven cities",
  "Library lends its one-millionth telescope",
  "Bridge reopens a month ahead of schedule",
  "Old lighthouse becomes a weather station",
  "Museum finds a lost map behind another map",
];
const teams = ["Otters", "Herons", "Badgers", "Swifts", "Foxes", "Pikes"];
const cities = ["Lisbon", "Oslo", "Naples", "Kraków", "Ghent", "Tartu"];
const skies = ["sunny", "cloudy", "rain", "wind", "snow"];

/** Makes up the next piece of news. `at` is when it was published, in milliseconds since 1970. */
export function nextReport(): ServerSentEventInit {
  const at = Date.now();
  const dice = Math.random();
  if (dice < 0.2) {
    const headline = pick(headlines);
    return { event: "breaking-news", data: JSON.stringify({ at, headline }) };
  }
  if (dice < 0.6) {
    const home = pick(teams);
    const guest = pick(teams.filter((team) => team !== home));
    const score = [count(5), count(5)];
    const data = JSON.stringify({ at, home, guest, score });
    return { event: "sports-news", data };
  }
  const report = { city: pick(cities), sky: pick(skies), degrees: count(30) };
  return {
    event: "weather-update",
    data: JSON.stringify({ at, ...report }),
  };
}

function pick(list: readonly string[]): string {
  return list[count(list.length)]!;
}

/** A random integer from 0 to less than `limit`. */
function count(limit: number): number {
  return Math.floor(Math.random() * limit);
}
