/** Runs a range of the fuzzing's inputs and reports the first that shows a difference. */
import { difference, fuzzInput } from "../../codec/fuzz.ts";

/** The task of a worker. */
export interface Range {
  readonly seed: number;
  readonly start: number;
  readonly end: number;
}

/** Its result: the bytes of the inputs, and the index of the one that failed. */
export interface Finding {
  readonly bytes: number;
  readonly failed: number | undefined;
}

function run({ seed, start, end }: Range): Finding {
  let bytes = 0;
  for (let index = start; index < end; index++) {
    const input = fuzzInput(seed, index);
    for (const chunk of input.chunks) bytes += chunk.length;
    if (difference(input) !== undefined) return { bytes, failed: index };
  }
  return { bytes, failed: undefined };
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Range>) => void;
  postMessage(finding: Finding): void;
};
scope.onmessage = ({ data }) => scope.postMessage(run(data));
