import { testUIMessageStream } from "../ai_sdk/log_cases.ts";
import { RedisServer } from "./redis.ts";

testUIMessageStream("RedisLog", () => RedisServer.start());
