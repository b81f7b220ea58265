import { checkSoak } from "./soak.ts";

Deno.test("Channel on a MemoryLog delivers everything once and in order to clients whose connections are cut hundreds of times", () =>
  checkSoak("memory"));
