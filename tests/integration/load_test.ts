import { assertEquals, assertLess } from "@std/assert";
import { crowd } from "../reliability/load/phases.ts";
import { servers } from "../reliability/load/servers.ts";

const CLIENTS = 100;

for (const runtime of Object.keys(servers)) {
  Deno.test(`Channel on ${runtime} delivers everything once to ${CLIENTS} clients that are all cut off at once, and ends all their responses before it exits`, async () => {
    const { wrong, broken, stormReads } = await crowd(runtime, CLIENTS, 500);
    assertEquals({ wrong, broken }, { wrong: 0, broken: 0 });
    // Reads are shared: a storm costs no more of them with more clients.
    assertLess(stormReads, CLIENTS);
  });
}
