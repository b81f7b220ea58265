import { assertEquals } from "@std/assert";
import { EventStreamError } from "../../src/error.ts";
import type { AppendOptions, LogInput, LogLimit } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { test } from "../_test.ts";
import { below, pick, type Random, randomOf, seed } from "../codec/random.ts";
import { ModelLog, type ModelOutcome } from "./_model.ts";

const RUNS = 150;
const STEPS = 150;

test(`MemoryLog behaves like the model in ${RUNS} random runs`, async () => {
  const { now } = Date;
  try {
    for (let run = 0; run < RUNS; run++) {
      await compare(randomOf(seed, run), `seed ${seed}, run ${run}`);
    }
  } finally {
    Date.now = now;
  }
});

async function compare(random: Random, run: string): Promise<void> {
  const idempotencyTtl = pick(random, [30, 300, 1_000_000]);
  const retention = {
    maxEvents: pick(random, [4, 7, 30, 1000]),
    maxBytes: pick(random, [40, 100, 10_000]),
    maxAge: pick(random, [50, 400, 1_000_000]),
    idempotencyTtl,
    idleTtl: pick(random, [idempotencyTtl, 2_000_000]),
  };
  const log = new MemoryLog(retention);
  const model = new ModelLog(retention);
  const epochs = new Epochs();
  let last = 0;
  let now = 1_000_000;
  Date.now = () => now;
  for (let step = 0; step < STEPS; step++) {
    const at = `${run}, step ${step}`;
    // A clock can be set back.
    now += pick(random, [0, 0, 0, 1, 3, 10, 60, 500, -15]);
    const kind = random();
    if (kind < 0.45) {
      const [inputs, options] = [
        randomInputs(random),
        randomOptions(random, last),
      ];
      const expected = model.append(inputs, options, now);
      const outcome = await log.append(inputs, options).catch(codeOf);
      const actual = typeof outcome === "string"
        ? outcome
        : { epochNumber: epochs.numberOf(outcome.epoch), seq: outcome.seq };
      assertEquals<ModelOutcome>(actual, expected, at);
    } else if (kind < 0.95) {
      const after = below(random, last + 3);
      const limit = randomLimit(random);
      const { epochNumber, ...expected } = model.read(after, limit, now);
      const { epoch, ...page } = await log.read(after, limit);
      assertEquals({ ...page }, expected, at);
      assertEquals(epochs.numberOf(epoch), epochNumber, at);
      last = page.last;
    } else {
      const ttl = pick(random, [1, 20, 200, 1000]);
      model.expire(ttl, now);
      await log.expire(ttl);
    }
  }
}

/** Numbers epochs in order of appearance, so that a reused one is detected. */
class Epochs {
  readonly #epochs = ["0"];

  numberOf(epoch: string): number {
    const known = this.#epochs.indexOf(epoch);
    return known >= 0 ? known : this.#epochs.push(epoch) - 1;
  }
}

function codeOf(error: unknown): "closed" | "conflict" {
  if (!(error instanceof EventStreamError)) throw error;
  return error.code as "closed" | "conflict";
}

function randomInputs(random: Random): LogInput[] {
  const kinds = ["event", "event", "event", "begin", "beat"] as const;
  const inputs: LogInput[] = Array.from(
    { length: 1 + below(random, 4) },
    () => ({
      kind: pick(random, kinds),
      body: pick(random, ["", "x", "é", "€", "😀"]).repeat(below(random, 4)),
    }),
  );
  if (random() < 0.02) inputs.push({ kind: "end", body: "" });
  return inputs.slice(-4);
}

function randomOptions(random: Random, last: number): AppendOptions {
  const options: AppendOptions = {};
  if (random() < 0.3) options.idempotencyKey = `k${below(random, 6)}`;
  if (random() < 0.3) {
    options.expectedLast = Math.max(0, last + pick(random, [0, 0, 0, -1, 1]));
  }
  return options;
}

function randomLimit(random: Random): LogLimit {
  return {
    entries: pick(random, [1, 2, 5, 1000]),
    bytes: pick(random, [1, 6, 13, 1000]),
  };
}
