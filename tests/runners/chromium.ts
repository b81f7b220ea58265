import type { Browser } from "npm:playwright-core@1.65.1";
import { type Outcome, readOutcome } from "./outcome.ts";
import type { Settings } from "./runtimes.ts";

/** How many milliseconds the whole suite may take. */
const limit = 600_000;
const names = ["chromium", "chromium-browser", "google-chrome"];
// The first is for root, the others keep the browser from calling home.
const args = [
  "--no-sandbox",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The path of an installed Chromium, if there is one. */
export async function findChromium(): Promise<string | undefined> {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", names.map((name) => `command -v ${name}`).join(" || ")],
  }).output();
  return new TextDecoder().decode(stdout).trim() || undefined;
}

async function installed() {
  const executablePath = await findChromium();
  if (executablePath === undefined) throw new Error("There is no Chromium");
  const { chromium } = await import("npm:playwright-core@1.65.1");
  return { chromium, options: { executablePath, args } };
}

/** A Chromium that many processes use; disposing of it ends it. */
export interface SharedChromium extends AsyncDisposable {
  /** What {@linkcode launchChromium} finds it by, as `CHROMIUM_URL` in the environment. */
  url: string;
}

/** Starts a Chromium for a whole run. */
export async function shareChromium(): Promise<SharedChromium> {
  const { chromium, options } = await installed();
  const server = await chromium.launchServer({
    ...options,
    host: "127.0.0.1",
  });
  return {
    url: server.wsEndpoint(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** Opens the run's Chromium, or starts one of its own; to close it leaves that of the run to others. */
export async function launchChromium(): Promise<Browser> {
  const { chromium, options } = await installed();
  const url = Deno.env.get("CHROMIUM_URL");
  return url ? await chromium.connect(url) : await chromium.launch(options);
}

/** Runs the suite on the page that the fixture serves. */
export async function runChromium(settings: Settings): Promise<Outcome> {
  const browser = await launchChromium();
  const lines: string[] = [];
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => lines.push(String(error)));
    page.on("console", (message) => lines.push(message.text()));
    const done = page.waitForEvent("console", {
      predicate: (message) => message.text().includes('{"done":true}'),
      timeout: limit,
    });
    const query = new URLSearchParams(settings);
    const url = `${settings.FIXTURE_URL}/suite/?${query}`;
    await Promise.all([done, page.goto(url)]);
  } catch (error) {
    lines.push(String(error));
  } finally {
    await browser.close();
  }
  return readOutcome(lines.join("\n"));
}
