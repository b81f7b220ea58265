import type { Browser } from "npm:playwright-core@1.65.1";
import { runCommand } from "../../tools/command.ts";
import { type Outcome, readOutcome } from "./outcome.ts";
import type { Settings } from "./runtimes.ts";

/** The maximum duration of the suite, in milliseconds. */
const limit = 600_000;
const names = ["chromium", "chromium-browser", "google-chrome"];
// The first is required as root. The others prevent background network requests.
const args = [
  "--no-sandbox",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Returns the path of the installed Chromium, `undefined` if there is none. */
export async function findChromium(): Promise<string | undefined> {
  const script = names.map((name) => `command -v ${name}`).join(" || ");
  const { stdout } = await runCommand("sh", ["-c", script]);
  return stdout.trim() || undefined;
}

/** Starts the installed Chromium, with additional arguments. */
export async function launchChromium(more: string[] = []): Promise<Browser> {
  const executablePath = await findChromium();
  if (executablePath === undefined) {
    throw new Error("Chromium is not installed");
  }
  const { chromium } = await import("npm:playwright-core@1.65.1");
  return await chromium.launch({ executablePath, args: [...args, ...more] });
}

/** Runs the suite on a page of the fixture. */
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
