import { testUpgrade } from "../upgrade/upgrade.ts";

testUpgrade("DurableObjectLog", "durable_object");
