/** One of the contenders. */
export interface Contender<Input> {
  readonly name: string;
  run(input: Input): void | Promise<void>;
}

/** The duration of one run in each round, in milliseconds. */
export type Times = Record<string, number[]>;

/** How much to measure. */
export interface Effort {
  /** The number of rounds, after one more to warm up. */
  rounds: number;
  /** The duration of a turn, in milliseconds. It repeats its run until then. */
  turn: number;
}

/**
 * Lets the contenders take turns on one input. Each round starts with another one, so that a disturbance of the machine
 * affects all alike.
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
