import { testUpgrade } from "../upgrade/upgrade.ts";

testUpgrade("PostgresLog", "postgres");
