import { checkSoak } from "./soak.ts";

Deno.test("Channel on a MemoryLog gives everything once, in order, to clients whose connections are cut hundreds of times", () =>
  checkSoak("memory"));
