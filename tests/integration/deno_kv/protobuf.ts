/** A message as it is on the wire: for each field number the values in order, an integer or bytes. */
export type Message = Record<number, (bigint | Uint8Array)[]>;

/** Reads a message. */
export function readMessage(bytes: Uint8Array): Message {
  const message: Message = {};
  let offset = 0;
  function varint(): bigint {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = bytes[offset++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  while (offset < bytes.length) {
    const tag = Number(varint());
    let value: bigint | Uint8Array = varint();
    if ((tag & 7) === 2) {
      const end = offset + Number(value);
      value = bytes.subarray(offset, end);
      offset = end;
    }
    (message[tag >> 3] ??= []).push(value);
  }
  return message;
}

/** Encodes a message from its fields in order; an array is a nested message. */
export function writeMessage(fields: readonly Field[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (typeof value === "number") {
      chunks.push(varintOf(number << 3), varintOf(value));
      continue;
    }
    const bytes = value instanceof Uint8Array ? value : writeMessage(value);
    chunks.push(varintOf(number << 3 | 2), varintOf(bytes.length), bytes);
  }
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  const message = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    message.set(chunk, offset);
    offset += chunk.length;
  }
  return message;
}

/** A field's number and value. */
export type Field = readonly [number, number | Uint8Array | readonly Field[]];

function varintOf(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) {
    bytes.push(value % 128 | 0x80);
  }
  return new Uint8Array([...bytes, value]);
}
