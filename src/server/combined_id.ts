import { parseCursor } from "../log/log.ts";

/** The maximum length of an ID, in UTF-16 code units. */
export const MAX_ID_LENGTH = 2048;
/** The maximum length of a position: an epoch of 32 characters, `-` and a number of 16 digits. */
export const MAX_POSITION_LENGTH = 49;

/** Returns the text before a channel's position in an ID. */
export function keyOf(name: string): string {
  return `${encodeURIComponent(name)}=`;
}

/**
 * Returns the last event ID of each channel from a client's ID: its position, `""` if the ID does not contain the
 * channel, or an invalid text, which leads to a `gap`. The ID is untrusted input.
 */
export function positionsIn(id: string, keys: readonly string[]): string[] {
  const positions = new Map<string, string>();
  // An invalid part may belong to any channel that is missing in the ID.
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
