import { checkSoak } from "../soak/soak.ts";

Deno.test("Channel on a DurableObjectLog delivers everything once and in order to clients whose connections are cut hundreds of times", () =>
  checkSoak("durable-object"));
