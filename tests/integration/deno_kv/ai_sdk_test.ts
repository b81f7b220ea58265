import { testUIMessageStream } from "../ai_sdk/log_cases.ts";
import { KvFile } from "./fixture.ts";

testUIMessageStream("DenoKvLog", () => KvFile.make());
