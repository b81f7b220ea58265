import type { ServerSentEventInit } from "../../mod.ts";

/** How long the newsroom pauses between reports, in milliseconds. */
const PAUSE = { min: 200, max: 800 };

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
const skies = ["sunny", "cloudy", "rain", "thunder", "snow"];

type Report = [event: string, content: Record<string, unknown>];

/** They report one after another. */
const desks: (() => Report)[] = [
  () => ["breaking-news", { headline: pick(headlines) }],
  match,
  weather,
  match,
  weather,
];

/** Makes up news, while it is open. */
export class Newsroom {
  readonly #publish: (report: ServerSentEventInit) => Promise<unknown>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reports = 0;

  constructor(publish: (report: ServerSentEventInit) => Promise<unknown>) {
    this.#publish = publish;
  }

  open(): void {
    this.#timer ??= setTimeout(() => this.#report(), pause());
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #report(): Promise<void> {
    const timer = this.#timer;
    try {
      const [event, report] = desks[this.#reports++ % desks.length]!();
      // When it was published, in milliseconds since 1970.
      const data = JSON.stringify({ at: Date.now(), ...report });
      await this.#publish({ event, data });
    } catch (error) {
      console.error("The newsroom cannot publish:", error);
    }
    // It may have been closed meanwhile, and opened again.
    if (this.#timer !== timer) return;
    this.#timer = setTimeout(() => this.#report(), pause());
  }
}

function match(): Report {
  const home = pick(teams);
  const guest = pick(teams.filter((team) => team !== home));
  return ["sports-news", { home, guest, score: [count(5), count(5)] }];
}

function weather(): Report {
  const report = { city: pick(cities), sky: pick(skies), degrees: count(30) };
  return ["weather-update", report];
}

function pause(): number {
  return PAUSE.min + Math.random() * (PAUSE.max - PAUSE.min);
}

function pick(list: readonly string[]): string {
  return list[count(list.length)]!;
}

/** A random integer from 0 to less than `limit`. */
function count(limit: number): number {
  return Math.floor(Math.random() * limit);
}
