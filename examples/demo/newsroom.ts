import type { ServerSentEventInit } from "../../mod.ts";

/** Milliseconds between two reports. */
const PAUSE = { min: 150, max: 550 };

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
/** Each sky with the lowest and the highest temperature that go with it. */
const skies: [sky: string, min: number, max: number][] = [
  ["sunny", 8, 32],
  ["cloudy", 3, 24],
  ["rain", 4, 20],
  ["thunder", 16, 28],
  ["snow", -8, 0],
];

type Report = [event: string, content: Record<string, unknown>];

/** They report one after another. */
const desks: (() => Report)[] = [
  () => ["breaking-news", { headline: pick(headlines) }],
  match,
  weather,
  weather,
  match,
  weather,
  weather,
];

/** Invents news, without end. */
export async function reportNews(
  publish: (report: ServerSentEventInit) => Promise<unknown>,
): Promise<never> {
  for (let i = 0;; i++) {
    const [event, report] = desks[i % desks.length]!();
    // The time of publication, in milliseconds since 1970.
    const data = JSON.stringify({ at: Date.now(), ...report });
    await publish({ event, data }).catch((error) =>
      console.error("The newsroom cannot publish:", error)
    );
    const pause = PAUSE.min + Math.random() * (PAUSE.max - PAUSE.min);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function match(): Report {
  const home = pick(teams);
  const guest = pick(teams.filter((team) => team !== home));
  return ["sports-news", { home, guest, score: [random(5), random(5)] }];
}

function weather(): Report {
  const [sky, min, max] = pick(skies);
  const degrees = min + random(max - min + 1);
  return ["weather-update", { city: pick(cities), sky, degrees }];
}

function pick<Item>(list: readonly Item[]): Item {
  return list[random(list.length)]!;
}

/** A random integer from 0 to less than `limit`. */
function random(limit: number): number {
  return Math.floor(Math.random() * limit);
}
