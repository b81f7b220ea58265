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

const page = `<!doctype html>
<link rel="icon" href="data:,">
<script>
  const seen = [];
  const source = new EventSource("/events");
  const keep = ({ type, data, lastEventId }) =>
    seen.push({ event: type, data, id: lastEventId });
  source.onmessage = keep;
  source.addEventListener("gap", keep);
  source.onerror = () => document.title = String(source.readyState);
</script>`;

function start(file: KvFile, port: number): Promise<Served> {
  const script = new URL("../logs/server.ts", import.meta.url);
  const env = { PORT: String(port) };
  return serve(startDeno(script, [...file.args, ...NAMES], { env }));
}

Deno.test("Chromium's EventSource resumes every channel of a combination after its server was killed and restarted", async () => {
  await using file = await KvFile.make();
  const port = freePort();
  const first = await start(file, port);
  const { url } = first;
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage();
    const contentType = "text/html";
    await tab.route(
      `${url}/page`,
      (route) => route.fulfill({ body: page, contentType }),
    );
    await tab.goto(`${url}/page`);
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
    await using _second = await start(file, port);
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
