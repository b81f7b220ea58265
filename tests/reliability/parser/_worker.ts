/** Runs a range of the fuzzing's inputs and reports the first that shows a difference. */
import { difference, fuzzInput } from "../../codec/fuzz.ts";

/** The task of a worker. */
export interface Range {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}

/** Its result: the bytes of the inputs, or the index of the one that failed. */
export interface Finding {
  readonly bytes: number;
  readonly failed: number | undefined;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Range>) => void;
  postMessage(finding: Finding): void;
};

scope.onmessage = ({ data: { seed, from, to } }) => {
  let bytes = 0;
  for (let index = from; index < to; index++) {
    const input = fuzzInput(seed, index);
    for (const chunk of input.chunks) bytes += chunk.length;
    if (difference(input) === undefined) continue;
    return scope.postMessage({ bytes, failed: index });
  }
  scope.postMessage({ bytes, failed: undefined });
};
