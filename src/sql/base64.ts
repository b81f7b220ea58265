/** Methods of newer runtimes. */
interface Base64 {
  toBase64?(): string;
}
interface Base64Constructor {
  fromBase64?(text: string): Uint8Array;
}

/** Bytes for one call of `String.fromCharCode()`, whose number of arguments is limited. */
const CHUNK_SIZE = 8192;

/** Encodes bytes as base64. */
export function toBase64(bytes: Uint8Array & Base64): string {
  // 20 times as fast, but missing in Node 20.
  if (bytes.toBase64) return bytes.toBase64();
  let binary = "";
  for (let i = 0; i < bytes.length; i += CHUNK_SIZE) {
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK_SIZE));
  }
  return btoa(binary);
}

/** Decodes base64. */
export function fromBase64(text: string): Uint8Array {
  const { fromBase64 } = Uint8Array as Base64Constructor;
  if (fromBase64) return fromBase64.call(Uint8Array, text);
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
