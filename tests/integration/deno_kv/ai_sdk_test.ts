import { testUIMessageStream } from "../ai_sdk/log_cases.ts";
import { KvFile } from "./fixture.ts";

testUIMessageStream("DenoKvLog", async () => {
  const file = await KvFile.make();
  return {
    log: (name) => file.log(name),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
});
