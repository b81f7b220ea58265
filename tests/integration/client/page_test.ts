/** The client as one file, in a page that loads it without any tool. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { runDeno } from "../../../tools/command.ts";
import { launchChromium } from "../../runners/chromium.ts";
import { SseServer, stream } from "../../support/sse_server.ts";

const page = `<!doctype html>
<link rel="icon" href="data:,">
<script type="module">
  import { connect, EventSource } from "/client.js";

  const source = new EventSource("/events");
  source.addEventListener("tick", ({ data, lastEventId }) => {
    document.body.append(lastEventId, " ", data, ";");
    if (lastEventId === "2") source.close();
  });
  for await (const { data } of connect("/deltas", { until: "[DONE]" })) {
    document.title += data;
  }
</script>`;

Deno.test("The client's single file receives events in a page that imports it", async () => {
  const build = await runDeno(["task", "--quiet", "build:client"]);
  assertEquals(build.success, true, build.output);
  const client = await Deno.readTextFile(build.stdout.trim());
  await using events = new SseServer(
    stream("retry: 1\nid: 1\nevent: tick\ndata: one\n\n"),
    stream("id: 2\nevent: tick\ndata: two\n\n"),
  );
  await using server = servePage(client, events.url);
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage();
    const errors: string[] = [];
    tab.on("pageerror", (error) => errors.push(String(error)));
    await tab.goto(`http://127.0.0.1:${server.addr.port}/`);
    await tab.getByText("1 one;2 two;").waitFor({ timeout: 60_000 });
    await tab.waitForFunction('document.title === "Hello"');
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
  assertEquals(
    events.requests.map(({ lastEventId }) => lastEventId),
    [null, "1"],
  );
  assertStringIncludes(client, "MIT");
});

function servePage(
  client: string,
  eventsUrl: string,
): Deno.HttpServer<Deno.NetAddr> {
  const answers: Record<string, (request: Request) => Promise<Response>> = {
    "/": () => answer("text/html", page),
    "/client.js": () => answer("text/javascript", client),
    "/events": ({ headers }) => fetch(eventsUrl, { headers }),
    "/deltas": () =>
      answer(
        "text/event-stream",
        "data: Hel\n\ndata: lo\n\ndata: [DONE]\n\n",
      ),
  };
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => answers[new URL(request.url).pathname]!(request),
  );
}

function answer(type: string, body: string): Promise<Response> {
  return Promise.resolve(
    new Response(body, { headers: { "content-type": type } }),
  );
}
