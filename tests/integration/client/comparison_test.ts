/**
 * The browser's own `EventSource` beside this one, in the same browser and in Deno, and beside npm's `eventsource`, on the
 * same server: what they dispatch in which state, and what they request. The first three must agree.
 */
import { assertEquals } from "@std/assert";
import { EventSource as NpmEventSource } from "npm:eventsource@5.1.5";
import { EventSource } from "../../../src/client/mod.ts";
import { runDeno } from "../../../tools/command.ts";
import { findResolution } from "../../../tools/resolution.ts";
import { fixtureUrl } from "../../_fixture.ts";
import { realServer, type SocketReply } from "../../client/_server.ts";
import { findChromium, launchChromium } from "../../runners/chromium.ts";

interface Source extends EventTarget {
  readonly readyState: number;
  close(): void;
}

type SourceClass = new (url: string) => Source;

const soon = "retry: 20\n";
const scenarios: [name: string, script: SocketReply[], closeAt?: string][] = [
  ["two streams that end", [{ body: [soon, "id: 1\ndata: a\n\n"] }, {
    body: ["data: b\n\n"],
  }]],
  ["a stream that breaks in an event", [{
    body: [soon, "id: 1\ndata: a\n\n", 50, "id: 2\ndata: b"],
    end: "drop",
  }, { body: ["id: 2\ndata: b\n\n"] }]],
  ["no server for a while", [
    { body: [soon, "data: a\n\n"] },
    "refuse",
    "refuse",
    { body: ["data: b\n\n"] },
  ]],
  ["an id that is reset", [{
    body: [soon, "id: 1\ndata: a\n\nid\ndata: b\n\n"],
  }, { body: ["data: c\n\n"] }]],
  ["an id without data", [{ body: [soon, "id: 7\n\n"] }, {
    body: ["data: a\n\n"],
  }]],
  ["an id beyond ASCII", [{ body: [soon, "id: é😀\ndata: a\n\n"] }, {
    body: ["data: b\n\n"],
  }]],
  ["an id in an unfinished event", [{
    body: [soon, "data: a\n\nid: 1\ndata: b\n"],
  }]],
  ["named events", [{
    body: [
      soon,
      "event: tick\ndata: a\n\nevent: error\ndata: b\n\nevent: open\ndata: c\n\n",
    ],
  }]],
  ["comments only", [{ body: [soon, ": a\n\n: b\n\n"] }]],
  ["close() between two events of a chunk", [{
    body: ["data: a\n\ndata: b\n\n"],
    end: "hang",
  }], '"a"'],
  ["close() when the stream has ended", [{ body: [soon, "data: a\n\n"] }, {
    body: ["data: b\n\n"],
  }], "error 0"],
  ["close() in open", [{ body: ["data: a\n\n"], end: "hang" }], "open 1"],
  ["a second byte order mark", [{
    body: [soon, "data: a\n\n\uFEFFdata: b\n\ndata: c\n\n"],
  }]],
  ["a redirect, at each connection", [
    { status: 307, headers: { location: "#" } },
    { body: [soon, "id: 1\ndata: a\n\n"] },
    { status: 302, headers: { location: "#" } },
    { body: ["data: b\n\n"] },
  ]],
  ["204", [{ status: 204 }]],
  ["200 of another type", [{
    headers: { "content-type": "text/plain" },
    body: ["data: a\n\n"],
  }]],
  ["a content type that only begins alike", [{
    headers: { "content-type": "text/event-streams" },
    body: ["data: a\n\n"],
  }]],
  ["a content type in capitals", [{
    headers: { "content-type": "TEXT/EVENT-STREAM" },
    body: [soon, "data: a\n\n"],
  }]],
  ["299", [{ status: 299, headers: { "content-type": "text/event-stream" } }]],
  ["404", [{ status: 404 }]],
  ["503 on the way", [{ body: [soon, "data: a\n\n"] }, { status: 503 }]],
];

/** What a source dispatched, in which state, until it closed. Runs in a page too, so it stands alone. */
function watch(
  Class: SourceClass,
  url: string,
  closeAt: string | undefined,
): Promise<string[]> {
  return new Promise((resolve) => {
    const log: string[] = [];
    const source = new Class(url);
    for (const type of ["open", "error", "message", "tick"]) {
      source.addEventListener(type, (event) => {
        const { data, lastEventId } = event as MessageEvent;
        const id = lastEventId ? ` #${lastEventId}` : "";
        const name = type === "message" ? "" : `${type} `;
        log.push(
          "data" in event
            ? `${name}${JSON.stringify(data)}${id}`
            : `${name}${source.readyState}`,
        );
        if (log.at(-1) === closeAt) source.close();
        // Long enough for an unexpected event to arrive.
        if (source.readyState === 2) setTimeout(() => resolve(log), 300);
      });
    }
  });
}

/** Everything that one class dispatched and requested, by scenario. */
async function runAll(
  run: (url: string, closeAt: string | undefined) => Promise<string[]>,
): Promise<string[]> {
  const results: string[] = [];
  for (const [, script, closeAt] of scenarios) {
    const server = await realServer({ script });
    const log = await run(server.url, closeAt);
    const requests = await server.requests();
    const ids = requests.map(({ lastEventId }) => lastEventId ?? "-");
    results.push(`${log.join(", ")} | ${ids.join(" ")}`);
  }
  return results;
}

/** The client as one module. */
async function bundleClient(): Promise<string> {
  const { flags } = await findResolution();
  const path = await Deno.makeTempFile({ suffix: ".js" });
  const args = [...flags, "--platform=browser", `--output=${path}`];
  await runDeno(["bundle", ...args, "src/client/mod.ts"]);
  const code = await Deno.readTextFile(path);
  await Deno.remove(path);
  return code;
}

async function runInChromium(
  name: "EventSource" | "client.EventSource",
): Promise<string[]> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${fixtureUrl}/client/origin`);
    const blob = `new Blob([${
      JSON.stringify(await bundleClient())
    }], { type: "text/javascript" })`;
    await page.evaluate(
      `import(URL.createObjectURL(${blob})).then((client) => globalThis.client = client)`,
    );
    return await runAll((url, closeAt) =>
      page.evaluate(
        `(${watch})(${name}, ${JSON.stringify(url)}, ${
          JSON.stringify(closeAt)
        })`,
      )
    );
  } finally {
    await browser.close();
  }
}

if (await findChromium() !== undefined) {
  Deno.test("EventSource behaves like Chromium's native EventSource, in Chromium and in Deno", async () => {
    const [own, inChromium, inDeno, npm] = await Promise.all([
      runInChromium("EventSource"),
      runInChromium("client.EventSource"),
      runAll((url, closeAt) => watch(EventSource, url, closeAt)),
      runAll((url, closeAt) =>
        watch(NpmEventSource as SourceClass, url, closeAt)
      ),
    ]);
    for (const [index, [name]] of scenarios.entries()) {
      const expected = own[index]!;
      const cell = (results: string[]) =>
        results[index] === expected ? "the same" : results[index];
      console.log(
        `| ${name} | ${expected} | ${cell(inChromium)} | ${cell(inDeno)} | ${
          cell(npm)
        } |`,
      );
    }
    assertEquals(inChromium, own);
    assertEquals(inDeno, own);
  });
}
