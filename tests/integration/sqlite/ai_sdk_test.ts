import { testUIMessageStream } from "../ai_sdk/log_cases.ts";
import { SqliteFile } from "./sqlite_file.ts";

testUIMessageStream("SqliteLog", () => SqliteFile.make());
