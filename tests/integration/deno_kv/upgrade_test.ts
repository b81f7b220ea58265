import { testUpgrade } from "../upgrade/upgrade.ts";

testUpgrade("DenoKvLog", "deno_kv");
