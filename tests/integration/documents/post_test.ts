/** The programs that docs/post.md prints. */
import { assertEquals, assertRejects } from "@std/assert";
import { EventStreamError } from "../../../mod.ts";
import type { EventConnection } from "../../../src/client/mod.ts";
import { importProgram, serveHandler } from "../../support/program.ts";
import { stream } from "../../support/sse_server.ts";

const page = "docs/post.md";
const printedUrl = "https://api.example.com";

Deno.test("The client of docs/post.md sends one request, and returns the whole answer or an error", async () => {
  const bodies: unknown[] = [];
  await using server = serveHandler(async (request) => {
    bodies.push(await request.json());
    const end = bodies.length === 1 ? "data: [DONE]\n\n" : "";
    const text = `data: {"delta":"To"}\n\ndata: {"delta":" be"}\n\n${end}`;
    return stream(text)(request);
  });
  const { ask } = await importProgram<
    { ask(prompt: string): Promise<string> }
  >(page, "", "ask.ts", { [printedUrl]: server.url });
  assertEquals(await ask("Say hi"), "To be");
  const error = await assertRejects(() => ask("Again"), EventStreamError);
  assertEquals(error.code, "truncated");
  assertEquals(bodies, [
    { prompt: "Say hi", stream: true },
    { prompt: "Again", stream: true },
  ]);
});

Deno.test("The order of docs/post.md is repeated with the same key", async () => {
  const keys: (string | null)[] = [];
  await using server = serveHandler((request) => {
    keys.push(request.headers.get("idempotency-key"));
    if (keys.length > 1) return stream("data: done\n\n")(request);
    const headers = { "retry-after": "0" };
    return new Response("Busy", { status: 503, headers });
  });
  const { order } = await importProgram<
    { order(items: string): EventConnection }
  >(page, "Repeat a POST", "client.ts", { [printedUrl]: server.url });
  const datas = [];
  for await (const { data } of order("tea")) datas.push(data);
  assertEquals(datas, ["done"]);
  assertEquals(keys.length, 2);
  assertEquals(keys[0], keys[1]);
});
