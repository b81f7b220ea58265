import type { RetentionOptions } from "../../../src/log/log.ts";
import type { ChannelOptions } from "../../../src/server/mod.ts";

/** How many events of a soak are retained: all, or so few that clients miss some. */
export const retentions: Record<"all" | "few", RetentionOptions> = {
  all: { maxEvents: 10_000_000, maxBytes: 4 * 1024 ** 3 },
  few: { maxEvents: 10 },
};

/** Clients start with the first event; a vanished client is disconnected after at most this many milliseconds. */
export const options: ChannelOptions = {
  from: "earliest",
  retry: 10,
  keepAlive: 250,
  maxConnectionAge: 3000,
};
