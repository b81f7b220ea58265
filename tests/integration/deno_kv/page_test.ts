/** A combination in a page: Chromium's own EventSource, and a server that is killed. */
import { assert, assertEquals } from "@std/assert";
import type { ServerSentEvent } from "../../../src/event.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { startDeno } from "../../../tools/process.ts";
import { freePort } from "../../support/port.ts";
import { Publishers } from "../../support/publishers.ts";
import { serve, type Served } from "../../support/served.ts";
import { until } from "../../support/until.ts";
import { KvFile } from "./fixture.ts";

const NAMES = ["news", "chat"];
const EVENTS = 150;

function start(path: string, port: number): Promise<Served> {
  const script = new URL("./page_server.ts", import.meta.url);
  return serve(startDeno(script, [path, port]));
}

Deno.test("Chromium's EventSource resumes every channel of a combination after its server was killed and restarted", async () => {
  await using file = await KvFile.make();
  const port = freePort();
  const first = await start(file.path, port);
  const { url } = first;
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage();
    await tab.goto(url);
    const publishers = NAMES.map((name) =>
      new Publishers(
        EVENTS,
        (_, init) => fetch(`${url}/events`, init),
        name,
      )
    );
    const publishing = Promise.all(publishers.map((each) => each.run(1)));
    const done = () => publishers.reduce((sum, { done }) => sum + done, 0);
    await until(() => done() > EVENTS);
    await tab.waitForFunction("seen.length > 0");
    await first.kill();
    assert(done() < 2 * EVENTS, "Nothing was under way at the kill");
    // It tries again until somebody answers.
    await tab.waitForFunction('document.title === "0"');
    await using _second = await start(file.path, port);
    await publishing;
    await tab.waitForFunction(
      `seen.filter(({ data }) => data.endsWith("last")).length === 2`,
      undefined,
      { timeout: 60_000 },
    );
    const seen = await tab.evaluate("seen") as ServerSentEvent[];
    for (const each of publishers) each.check(seen);
    assertEquals(seen.length, 2 * (EVENTS + 1));
    assertEquals(seen.filter(({ event }) => event === "gap"), []);
  } finally {
    await browser.close();
    await first.kill();
  }
});
