import type { ChannelOptions } from "../../../src/server/mod.ts";

/** Channels that differ in how they notice a client that has vanished without a word. */
export const kinds: Record<"silent" | "lively" | "mortal", ChannelOptions> = {
  silent: { keepAlive: false },
  lively: { keepAlive: 1000 },
  mortal: { keepAlive: 1000, maxConnectionAge: 2000 },
};
