import { testUpgrade } from "../upgrade/upgrade.ts";

testUpgrade("RedisLog", "redis");
