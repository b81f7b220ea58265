import { assert, assertStrictEquals } from "@std/assert";
import type { ServerSentEvent } from "../../src/event.ts";
import { EventParser } from "../../src/event_parser.ts";
import { sizeOf } from "../_settings.ts";
import { test } from "../_test.ts";
import { difference, fuzzInput, show, shrink } from "./fuzz.ts";
import { join, seed } from "./random.ts";

const inputs = sizeOf(200_000);

test(`EventParser.push() agrees with the reference parser, and with itself under any chunking, on ${inputs} random and mutated streams (seed ${seed})`, () => {
  for (let index = 0; index < inputs; index++) {
    const input = fuzzInput(seed, index);
    const found = difference(input);
    if (found === undefined) continue;
    const less = shrink(input);
    throw new Error(
      `RIVULET_SEED=${seed}, input ${index}: ${found}\n${show(less)}: ${
        difference(less)
      }`,
    );
  }
});

/** Parsers with a defect that other parsers have had, and the maximum size in bytes of the input that shows it. */
const wrong: Record<string, [Parser: typeof EventParser, most: number]> = {
  "treats each chunk as the first of a stream": [
    class extends EventParser {
      override push(chunk: Uint8Array, into: ServerSentEvent[] = []) {
        const isMark = [0xEF, 0xBB, 0xBF].every((byte, at) =>
          chunk[at] === byte
        );
        return super.push(isMark ? chunk.subarray(3) : chunk, into);
      }
    },
    10,
  ],
  "drops a line feed between chunks": [
    class extends EventParser {
      override push(chunk: Uint8Array, into: ServerSentEvent[] = []) {
        return super.push(chunk[0] === 10 ? chunk.subarray(1) : chunk, into);
      }
    },
    6,
  ],
  "drops a message that is only white space": [
    class extends EventParser {
      override push(chunk: Uint8Array, into: ServerSentEvent[] = []) {
        for (const event of super.push(chunk)) {
          if (event.data.trim() !== "") into.push(event);
        }
        return into;
      }
    },
    6,
  ],
  "fails with an error of another kind": [
    class extends EventParser {
      override push(chunk: Uint8Array, into: ServerSentEvent[] = []) {
        try {
          return super.push(chunk, into);
        } catch {
          throw new Error(`Cannot parse ${chunk.length} bytes`);
        }
      }
    },
    12,
  ],
};

for (const [name, [Parser, most]] of Object.entries(wrong)) {
  test(`fuzz() finds a parser that ${name}, and shows it in at most ${most} bytes`, () => {
    let index = 0;
    while (difference(fuzzInput(seed, index), Parser) === undefined) {
      assert(++index < inputs, "no input shows the defect");
    }
    const less = shrink(fuzzInput(seed, index), Parser);
    assertStrictEquals(difference(less), undefined);
    assert(difference(less, Parser) !== undefined);
    assert(join(less.chunks).length <= most, show(less));
  });
}
