/** The codec beside its peers from npm, in any runtime: `bench/main.ts` bundles it and starts it in each. */
import { type Decoder, raceDecoders, type Result } from "./_decode.ts";
import { type Encoder, raceEncoders } from "./_encode.ts";

/** The results of one runtime. */
export interface CodecReport {
  readonly decode: Result[];
  readonly encode: Result[];
}

/** Measures everything; if brief, a little of everything, to check that it works. */
export async function measure(
  brief: boolean,
  decoders: readonly Decoder[] = [],
  encoders: readonly Encoder[] = [],
): Promise<CodecReport> {
  const effort = brief ? { rounds: 1, turn: 0 } : { rounds: 9, turn: 50 };
  const share = brief ? 0.05 : 1;
  return {
    decode: await raceDecoders(effort, share, decoders),
    encode: await raceEncoders(effort, share, encoders),
  };
}
