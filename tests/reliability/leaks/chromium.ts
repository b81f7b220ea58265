import { bundle } from "../../support/served.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { startDeno } from "../../../tools/process.ts";
import type { Holdings } from "./check.ts";
import type { Holding } from "./probe.ts";
import type { Job } from "./runtimes.ts";

/** The globals that `page.ts` defines in the page. */
declare const run: (scenario: string, count: number) => Promise<void>;
declare const counts: () => { objects: number; timers: number };

/** Runs the client's scenarios in a page of Chromium; `listeners` counts all listeners of the page. */
export async function* measureChromium(
  folder: string,
  { cycles, samples, scenarios }: Job,
): AsyncGenerator<[scenario: string, holdings: Holdings]> {
  await using peer = startDeno("tests/reliability/leaks/peer.ts", [folder]);
  await bundle("tests/reliability/leaks/page.ts", `${folder}/page.js`);
  await Deno.writeTextFile(
    `${folder}/page.html`,
    `<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>`,
  );
  const url = await peer.line();
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${url}/page.html`);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");

    const hold = async (): Promise<Holding> => {
      await session.send("HeapProfiler.collectGarbage");
      const { metrics } = await session.send("Performance.getMetrics");
      const metric = (wanted: string): number =>
        metrics.find(({ name }: { name: string }) => name === wanted)!.value;
      return {
        heap: metric("JSHeapUsedSize"),
        listeners: metric("JSEventListeners"),
        ...await page.evaluate(() => counts()),
      };
    };

    const part = Math.ceil(cycles / samples);
    for (const scenario of scenarios) {
      const work = () =>
        page.evaluate(
          ([scenario, count]) => run(scenario as string, count as number),
          [scenario, part],
        );
      await work();
      const holdings: Holdings[number][] = [];
      while (holdings.length < samples) {
        await work();
        holdings.push([(holdings.length + 1) * part, await hold()]);
      }
      yield [scenario, holdings];
    }
  } finally {
    await browser.close();
  }
}
