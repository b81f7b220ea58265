import { testUIMessageStream } from "../ai_sdk/log_cases.ts";
import { PostgresServer } from "./postgres.ts";

testUIMessageStream(
  "PostgresLog",
  () => PostgresServer.startMigrated("fsync=off"),
);
