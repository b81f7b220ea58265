import { testUpgrade } from "../upgrade/upgrade.ts";

testUpgrade("SqliteLog", "sqlite");
