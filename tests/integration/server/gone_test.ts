import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { servers, startOnWorkerd, stateOf } from "./server.ts";
import { Socket } from "../../support/socket.ts";
import { until } from "../../support/until.ts";

/** Opens responses, sees their first event, and leaves. */
async function comeAndGo(
  server: { url: string },
  path: string,
  count = 3,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    using socket = await Socket.open(server.url + path);
    const text = await socket.until("data: event\n");
    assertMatch(text, /^content-type: text\/event-stream\r$/im);
  }
}

/** Three clients of `respond()` disconnect, and each is noticed once. */
async function checkGone(server: { url: string }, mode: string): Promise<void> {
  await comeAndGo(server, `/respond/${mode}`);
  await until(async () => (await stateOf(server)).closes.length === 3);
  const { closes, errors, returned, aborted } = await stateOf(server);
  assertEquals(
    { closes, errors, returned, aborted },
    {
      closes: ["disconnected", "disconnected", "disconnected"],
      errors: [],
      returned: 3,
      aborted: 3,
    },
  );
}

for (const [name, start] of Object.entries(servers)) {
  for (const mode of ["idle", "writing"]) {
    Deno.test(`respond() on ${name} notices that its client has disconnected while ${mode}`, async () => {
      await using server = await start();
      await checkGone(server, mode);
      assertEquals(server.stderr, "");
    });
  }

  Deno.test(`respond() on ${name} notices that its client disconnected before the response was ready`, async () => {
    await using server = await start();
    const socket = await Socket.open(`${server.url}/late`);
    await until(async () => (await stateOf(server)).late === 1);
    socket[Symbol.dispose]();
    await (await fetch(`${server.url}/release`, { method: "POST" })).text();
    await until(async () => (await stateOf(server)).closes.length === 1);
    assertEquals((await stateOf(server)).closes, ["disconnected"]);
    assertEquals(server.stderr, "");
  });

  Deno.test(`Channel on ${name} notices that a client has disconnected, idle or during a write`, async () => {
    await using server = await start();
    const publish = async (count: number) => {
      const url = `${server.url}/publish?count=${count}`;
      await (await fetch(url, { method: "POST" })).text();
    };
    const idle = await Socket.open(`${server.url}/channel`);
    await idle.until("id: 0-0");
    assertEquals((await stateOf(server)).subscribers, 1);
    idle[Symbol.dispose]();
    await until(async () => (await stateOf(server)).subscribers === 0);

    const written = await Socket.open(`${server.url}/channel`);
    await written.until("id: 0-0");
    const publishing = publish(500);
    await written.until("data: 1\n");
    written[Symbol.dispose]();
    await until(async () => (await stateOf(server)).subscribers === 0);
    await publishing;
    assertEquals((await stateOf(server)).closes, [
      "disconnected",
      "disconnected",
    ]);
    assertEquals(server.stderr, "");
  });

  Deno.test(`respond() on ${name} ends the response of a source that fails, and does not send the error`, async () => {
    await using server = await start();
    const response = await fetch(`${server.url}/fail`);
    const text = await response.text();
    assertEquals(text, ":\n\ndata: event\n\n");
    const { closes, errors } = await stateOf(server);
    assertEquals([closes, errors], [["failed"], ["Error: secret"]]);
    assertEquals(server.stderr, "");
  });

  Deno.test(`respond() on ${name} decodes a Last-Event-ID beyond ASCII`, async () => {
    await using server = await start();
    const id = "Zürich → 北京 🚀";
    const bytes = String.fromCharCode(...new TextEncoder().encode(id));
    const headers = { "last-event-id": bytes };
    const response = await fetch(`${server.url}/id`, { headers });
    assertStringIncludes(await response.text(), `data: ${id}\n`);
  });
}

Deno.test("respond() by default outlives the 10 seconds after which Bun.serve closes a silent response", async () => {
  await using server = await servers["Bun.serve"]!();
  using socket = await Socket.open(`${server.url}/respond/silent`);
  await socket.until("data: event\n");
  // Each arrives 6 to 8 seconds after the previous one.
  await socket.until(":\n\n");
  await socket.until(":\n\n");
  assertEquals((await stateOf(server)).closes, []);
});

for (const flag of ["enable_request_signal", undefined]) {
  for (const mode of ["idle", "writing"]) {
    // Either way workerd 2026-11-17 notices it on a write, for which a keep-alive is enough.
    Deno.test(`respond() in a Worker with ${flag ?? "no flag"} notices that its client has disconnected while ${mode}`, async () => {
      await using server = await startOnWorkerd(flag ? [flag] : []);
      await checkGone(server, mode);
    });
  }
}

Deno.test("respond() in a Worker keeps a silent response alive, and decodes a Last-Event-ID beyond ASCII", async () => {
  await using server = await startOnWorkerd([]);
  using socket = await Socket.open(`${server.url}/respond/idle`);
  const text = await socket.until("data: event\n");
  // The keep-alive is the one thing pending.
  const more = await socket.until(":\n\n");
  assertStringIncludes(text + more, ":\n\n");
  const id = "Zürich → 北京 🚀";
  const bytes = String.fromCharCode(...new TextEncoder().encode(id));
  const headers = { "last-event-id": bytes };
  const response = await fetch(`${server.url}/id`, { headers });
  assertStringIncludes(await response.text(), `data: ${id}\n`);
});
