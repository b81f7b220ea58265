/** `deno task demo URL`, which reads any event stream, as its user starts it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Result, runCommand, runDeno } from "../../../tools/command.ts";

const eventStream = { headers: { "content-type": "text/event-stream" } };

/** Prints the response of a server on a free port. */
async function printAnswer(
  answer: () => Response,
): Promise<Result & { url: string }> {
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  await using server = Deno.serve(options, answer);
  const url = `http://127.0.0.1:${server.addr.port}/`;
  return { ...await print(url), url };
}

function print(url: string): Promise<Result> {
  return runDeno(["task", "--quiet", "demo", url]);
}

Deno.test("deno task demo URL prints events as lines of JSON until the stream ends", async () => {
  const stream =
    "id: 1\nevent: tick\ndata: a\ndata: b\n\n: c\ndata: d\n\ndata: e";
  const { success, stdout } = await printAnswer(() =>
    new Response(stream, eventStream)
  );
  assertEquals(stdout.trim().split("\n").map((line) => JSON.parse(line)), [
    { event: "tick", data: "a\nb", id: "1" },
    { event: "message", data: "d", id: "1" },
  ]);
  assert(success);
});

Deno.test("deno task demo URL escapes control characters, which a terminal would obey", async () => {
  const { stdout } = await printAnswer(() =>
    new Response("data: \x1b[2J\x9b2J\x7f\n\n", eventStream)
  );
  assertMatch(stdout, /\\u001b\[2J\\u009b2J\\u007f/);
  // deno-lint-ignore no-control-regex -- they must not be there
  assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(stdout), false);
});

Deno.test("deno task demo URL stops when its output is closed", async () => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const body = new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => timer = setTimeout(resolve, 10));
      controller.enqueue(new TextEncoder().encode("data: a\n\n"));
    },
    cancel: () => clearTimeout(timer),
  });
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  await using server = Deno.serve(
    options,
    () => new Response(body, eventStream),
  );
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const reader = `"${Deno.execPath()}" task --quiet demo ${url}`;
  const script = `{ ${reader}; echo $? >&2; } | head -n 2 | wc -l`;
  const { stdout, output } = await runCommand("sh", ["-c", script]);
  assertEquals(stdout.trim(), "2");
  assertMatch(output, /\n0\n/);
});

Deno.test("deno task demo URL prints the reason when it cannot read events", async () => {
  const page = await printAnswer(() => new Response("<p>Hello"));
  assertMatch(page.output, /Cannot read "http.*text\/plain/);
  const missing = await printAnswer(() => new Response("", { status: 404 }));
  assertMatch(missing.output, /Cannot read "http.*404/);
  const nobody = await print(missing.url);
  assertMatch(nobody.output, /Cannot read "http.*refused/);
  const invalid = await print("not a url");
  assertMatch(invalid.output, /Cannot read "not a url": Invalid URL/);
  const results = [page, missing, nobody, invalid];
  assertEquals(results.map(({ success }) => success), results.map(() => false));
});

Deno.test("deno task demo URL fails when the stream fails, after printing the events before", async () => {
  const { success, stdout, output } = await printAnswer(() => {
    let isFirst = true;
    const body = new ReadableStream({
      pull(controller) {
        if (!isFirst) return controller.error(new Error("Broken"));
        isFirst = false;
        controller.enqueue(new TextEncoder().encode("data: a\n\n"));
      },
    });
    return new Response(body, eventStream);
  });
  assertEquals(JSON.parse(stdout).data, "a");
  assertMatch(output, /Cannot read "http/);
  assertEquals(success, false);
});
