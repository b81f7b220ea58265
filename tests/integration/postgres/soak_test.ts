import { checkSoak } from "../soak/soak.ts";

Deno.test("Channel on a PostgresLog gives everything once, in order, to clients whose connections are cut hundreds of times", () =>
  checkSoak("postgres"));
