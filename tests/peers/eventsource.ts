/** The class of eventsource. */
export { EventSource } from "../../src/client/mod.ts";
