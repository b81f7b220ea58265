import { parseCursor } from "../log/log.ts";

/** The most code units of an ID. */
export const MAX_ID_LENGTH = 2048;
/** The most code units of a position: an epoch of 32, and a number of 16. */
export const MAX_POSITION_LENGTH = 49;

/** What stands before a channel's position in an ID. */
export function keyOf(name: string): string {
  return `${encodeURIComponent(name)}=`;
}

/**
 * Returns what each channel resumes from by the ID that a client sent: its position, `""` if the channel is new to the
 * client, or what is not a position, and makes a gap. The ID is untrusted input.
 */
export function positionsIn(id: string, keys: readonly string[]): string[] {
  const positions = new Map<string, string>();
  // A part that cannot be read may be that of any channel that is not found.
  let isWhole = id.length <= MAX_ID_LENGTH;
  for (const part of isWhole && id !== "" ? id.split(",") : []) {
    const end = part.indexOf("=") + 1;
    const position = part.slice(end);
    positions.set(part.slice(0, end), position);
    isWhole &&= end > 1 && parseCursor(position) !== undefined;
  }
  return keys.map((key) => {
    const position = positions.get(key);
    return position === undefined && isWhole ? "" : position || id;
  });
}
