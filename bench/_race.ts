/** One of those that are measured side by side. */
export interface Contender<Input> {
  readonly name: string;
  run(input: Input): void | Promise<void>;
}

/** How long each turn took, in milliseconds for one run, in the order of the rounds. */
export type Times = Record<string, number[]>;

/** How much is measured. */
export interface Effort {
  /** Rounds that count; one more comes before them, to warm up. */
  rounds: number;
  /** A turn repeats its run until so many milliseconds are over. */
  turn: number;
}

/**
 * Lets the contenders take turns on one input, in each round from another one on, so that what disturbs the machine
 * disturbs all of them alike.
 */
export async function race<Input>(
  contenders: readonly Contender<Input>[],
  input: Input,
  { rounds, turn }: Effort,
): Promise<Times> {
  const times: Times = {};
  for (let round = 0; round <= rounds; round++) {
    for (let index = 0; index < contenders.length; index++) {
      const contender = contenders[(index + round) % contenders.length]!;
      const time = await takeTurn(contender, input, turn);
      const all = times[contender.name] ??= [];
      if (round > 0) all.push(time);
    }
  }
  return times;
}

async function takeTurn<Input>(
  { run }: Contender<Input>,
  input: Input,
  turn: number,
): Promise<number> {
  const start = performance.now();
  let runs = 0;
  let time = 0;
  do {
    await run(input);
    runs++;
    time = performance.now() - start;
  } while (time < turn);
  return time / runs;
}
