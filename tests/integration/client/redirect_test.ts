/** Deno has globals of a page in workers and with `--location`; its `fetch` is the same everywhere. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { runDeno } from "../../../tools/command.ts";

const places: [name: string, flags: string[], args: string[]][] = [
  ["the main thread", [], []],
  ["a main thread with --location", ["--location=http://example.com/"], []],
  ["a worker", [], ["worker"]],
  ["a worker with --location", ["--location=http://example.com/"], ["worker"]],
];

/** A server that notes the headers of its requests. */
function serve(answer: () => Response) {
  const seen: Headers[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ headers }) => {
      seen.push(headers);
      return answer();
    },
  );
  return { server, seen, port: server.addr.port };
}

/** Follows a redirect in a Deno process and returns its output. */
async function follow(
  location: string,
  flags: string[],
  args: string[],
): Promise<string> {
  const { server, port } = serve(() =>
    new Response(null, { status: 302, headers: { location } })
  );
  const script = "tests/integration/client/redirect.ts";
  const url = `http://127.0.0.1:${port}/`;
  const { success, stdout, output } = await runDeno(
    ["run", "-A", "--quiet", "--no-lock", ...flags, script, url, ...args],
  );
  await server.shutdown();
  if (!success) throw new Error(output);
  return stdout.trim();
}

for (const [name, flags, args] of places) {
  Deno.test(`connect() sends no secret to another origin through ${name} of Deno`, async () => {
    const headers = { "content-type": "text/event-stream" };
    const { server, seen, port } = serve(() =>
      new Response("data: arrived\n\n", { headers })
    );
    const printed = await follow(`http://localhost:${port}/`, flags, args);
    await server.shutdown();
    assertEquals(printed, "arrived");
    assertEquals(
      seen.map((headers) => [
        headers.get("accept"),
        headers.get("x-api-key"),
        headers.get("authorization"),
      ]),
      [["text/event-stream", null, null]],
    );
  });

  Deno.test(`connect() does not read a file that a redirect names, through ${name} of Deno`, async () => {
    const file = import.meta.url;
    assertStringIncludes(
      await follow(file, flags, args),
      "a redirect must lead to an http or https URL without a user name and a password: received 302 to file:",
    );
  });
}
