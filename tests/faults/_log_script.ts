import { check, checkSame } from "../../src/testing/log_case.ts";
import { EventStreamError } from "../../src/error.ts";
import type {
  AppendOptions,
  EventLog,
  LogInput,
  LogPosition,
} from "../../src/log/log.ts";
import { eachFault, type Faults } from "./_faults.ts";
import { pause } from "../../tools/pause.ts";
import { until } from "../support/until.ts";

/** A log on an engine that fails, and the same log on an engine that does not. */
export interface LogScene {
  readonly faulty: EventLog;
  readonly sound: EventLog;
  /** Milliseconds to wait when the engine never responds, and therefore the log does not either. */
  readonly patience?: number;
}

interface Attempt {
  readonly text: string;
  readonly key: string | undefined;
  readonly position: LogPosition | undefined;
}

/** Milliseconds that are longer than any call takes. */
const LONG = 20_000;
const ALL = { entries: 1000, bytes: 1e6 };

/** Calls every method of the failing log, and then checks its entries. */
export async function logScript(
  faults: Faults,
  scene: LogScene,
): Promise<void> {
  const stop = new AbortController();
  scene.faulty.watch(() => {}, stop.signal);
  try {
    const attempts = await work(faults, scene);
    await checkEntries(scene, attempts);
    await checkUse(faults, scene);
  } finally {
    stop.abort();
  }
}

async function work(faults: Faults, scene: LogScene): Promise<Attempt[]> {
  const { faulty } = scene;
  const attempts: Attempt[] = [];
  const append = async (text: string, key?: string) => {
    const options: AppendOptions = key ? { idempotencyKey: key } : {};
    const call = faulty.append(event(text), options);
    const position = await settled(faults, scene, call);
    attempts.push({ text, key, position });
  };
  await append("a");
  await append("b", "b");
  await Promise.all([append("c"), append("d", "d"), append("e")]);
  await settled(faults, scene, faulty.read(1, ALL).then(checkDense));
  await append("b", "b");
  await settled(faults, scene, faulty.expire(60_000));
  await append("f");
  return attempts;
}

function event(text: string): LogInput[] {
  return [{ kind: "event", body: text }];
}

function checkDense({ first, entries }: Awaited<ReturnType<EventLog["read"]>>) {
  const start = Math.max(2, first);
  checkSame(
    entries.map(({ seq }) => seq),
    entries.map((_, i) => start + i),
    "the numbers",
  );
}

/** Returns the time limit for a call: finite only if the call may never settle. */
function limitOf({ fault }: Faults, { patience = LONG }: LogScene): number {
  return /hang|stall|tooLate/.test(fault) ? patience : LONG;
}

/** Returns the result of a call, `undefined` if it failed or did not settle where this is allowed. */
async function settled<T>(
  faults: Faults,
  scene: LogScene,
  call: Promise<T>,
): Promise<T | undefined> {
  try {
    const limit = limitOf(faults, scene);
    const result = await answerWithin(limit, call.then((it) => [it]));
    if (result !== undefined) return result[0];
    check(limit < LONG, `no answer within ${limit} ms`);
    return undefined;
  } catch (error) {
    check(error instanceof EventStreamError, `${error}`);
    checkSame<string>(error.code, "log-unavailable", "the code");
    check(error.cause !== undefined, "the error must have a cause");
    return undefined;
  }
}

/** Checks that every acknowledged append is stored once, at its position, and every other at most once. */
async function checkEntries(
  { sound }: LogScene,
  attempts: readonly Attempt[],
): Promise<void> {
  const { epoch, entries } = await sound.read(0, ALL);
  for (const { text, position } of attempts) {
    if (position === undefined) continue;
    checkSame(position.epoch, epoch, `the epoch of ${text}`);
    const there = entries.filter(({ body }) => body === text);
    checkSame(there.map(({ seq }) => seq), [position.seq], text);
  }
  const texts = entries.map(({ body }) => body);
  checkSame(new Set(texts).size, texts.length, `of ${texts} those that differ`);
  // If the first attempt failed, the second one determines the position.
  const firsts = attempts.filter(({ text }, i) =>
    attempts.findIndex((each) => each.text === text) === i
  );
  const order = firsts.flatMap(({ text, position }) => position ? text : []);
  const inOrder = texts.filter((text) => order.includes(text));
  checkSame(inOrder, order.sort(), "the order");
}

/** Checks that the log works after its failure: an append with a key is stored once, however often it is retried. */
async function checkUse(faults: Faults, scene: LogScene): Promise<void> {
  const options = { idempotencyKey: "usable" };
  const { faulty, sound } = scene;
  const limit = limitOf(faults, scene);
  await inTheEnd(limit, () => faulty.append(event("usable"), options));
  await sound.append(event("usable"), options);
  const { entries } = await sound.read(0, ALL);
  const usable = entries.filter(({ body }) => body === "usable");
  checkSame(usable.length, 1, "the usable ones");
  const page = await inTheEnd(limit, () => faulty.read(0, ALL));
  // A late append may have arrived meanwhile.
  checkSame(page.entries.slice(0, entries.length), entries, "the entries");
}

/** Repeats a call until it succeeds, for up to a minute, since many calls are too slow on a busy machine. */
async function inTheEnd<T>(
  limit: number,
  call: () => Promise<T>,
): Promise<T> {
  let reason: unknown;
  const end = Date.now() + 60_000;
  for (let tries = 0; tries < 8 || Date.now() < end; tries++) {
    const result = await answerWithin(limit * 2 ** tries, call()).catch(
      (error) => {
        reason = error;
        return undefined;
      },
    );
    if (result !== undefined) return result;
    await pause(1);
  }
  throw new Error("the log must be usable", { cause: reason });
}

/** Returns the result of a call, `undefined` if it does not settle within the limit. */
async function answerWithin<T>(
  limit: number,
  call: Promise<T>,
): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) =>
    timer = setTimeout(() => resolve(undefined), limit)
  );
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

const DELAYS = { late: 10, tooLate: 300 };

/** How long a faulty log retries: shorter than the delay of a late step. */
export const TIMEOUT = 100;

/** Runs the script with each fault at each call of an engine; returns the number of runs in which a fault occurred. */
export async function checkLogFaults(
  open: (faults: Faults, name: string) => LogScene | Promise<LogScene>,
): Promise<number> {
  const all: Faults[] = [];
  const runs = await eachFault(
    async (faults) => {
      const name = `faults ${all.push(faults)}`;
      await logScript(faults, await open(faults, name));
    },
    DELAYS,
    20,
  );
  // No call may reach the engine after it is closed.
  await until(() => all.every(({ isOver }) => isOver));
  check(runs > 50, `There must be more than 50 faults: there were ${runs}`);
  return runs;
}
