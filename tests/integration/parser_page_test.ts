import { assert, assertEquals } from "@std/assert";
import { compareWithChromium } from "../reliability/parser/chromium_oracle.ts";

Deno.test("decode() reads 300 random and mutated streams like Chromium's EventSource, in the same packets", async () => {
  const { streams, events, differences } = await compareWithChromium(
    20261122,
    300,
  );
  assertEquals(differences, []);
  assertEquals(streams, 300);
  assert(events > 300, `only ${events} events`);
});
