import type { EventLog } from "../log/event_log.ts";
import { check, checkSame } from "./_assert.ts";
import {
  comesTrue,
  events,
  type LogCase,
  readPage,
  wait,
} from "./_log_case.ts";

/** How many appends a wake-up may take, as `watch()` is allowed to lose one. */
const ATTEMPTS = 3;

/** Whom `watch()` wakes, and when. */
export const watchCases: readonly LogCase[] = [
  {
    title: "watch() wakes for another client's append when it can be read",
    run: ({ open, patience }) => wakesFor(open(), open(), patience),
  },
  {
    title: "watch() wakes for the client's own append when it can be read",
    async run({ open, patience }) {
      const log = open();
      await wakesFor(log, log, patience);
    },
  },
  {
    title: "watch() wakes nobody whose signal has aborted",
    async run({ open, patience }) {
      const log = open();
      const [before, after] = [new AbortController(), new AbortController()];
      before.abort();
      let wrong = 0;
      log.watch(() => wrong++, before.signal);
      log.watch(() => wrong += after.signal.aborted ? 1 : 0, after.signal);
      await wakesFor(log, open(), patience);
      after.abort();
      await wakesFor(log, open(), patience);
      await wait(10);
      checkSame(wrong, 0, "the number of wake-ups after the abort");
    },
  },
  {
    title: "watch() stops one of two watchers that share a function",
    async run({ open, patience }) {
      const log = open();
      const [stopped, going] = [new AbortController(), new AbortController()];
      let woken = false;
      const wake = () => void (woken = true);
      log.watch(wake, stopped.signal);
      log.watch(wake, going.signal);
      stopped.abort();
      const isWoken = await wakes(() => woken, open(), patience);
      going.abort();
      check(isWoken, "the watcher that was not stopped must be woken");
    },
  },
];

/**
 * Throws unless a watcher that reads when it is woken, and at no other time, comes to see what is
 * appended, again and again.
 */
async function wakesFor(
  log: EventLog,
  writer: EventLog,
  patience: number,
): Promise<void> {
  const controller = new AbortController();
  const reader = new WokenReader(log);
  log.watch(() => reader.wake(), controller.signal);
  try {
    for (let i = 0; i < 2; i++) {
      const isWoken = await wakes(
        (seq) => reader.hasSeen(seq),
        writer,
        patience,
      );
      check(isWoken, "a watcher must be woken when an append can be read");
    }
  } finally {
    controller.abort();
    await reader.idle;
  }
}

/** Appends until what it appended last has had its effect; tells whether it had. */
async function wakes(
  hasEffect: (seq: number) => boolean,
  writer: EventLog,
  patience: number,
): Promise<boolean> {
  for (let i = 0; i < ATTEMPTS; i++) {
    const { seq } = await writer.append(events("x"));
    const share = patience / ATTEMPTS;
    if (await comesTrue(() => hasEffect(seq), share)) return true;
  }
  return false;
}

/** Reads at once when it is woken, and once more when it was woken while it read. */
class WokenReader {
  /** Settled when nothing is being read; never rejects. */
  idle: Promise<void> = Promise.resolve();
  readonly #log: EventLog;
  #woken = false;
  #last = 0;
  #failure: { readonly reason: unknown } | undefined;

  constructor(log: EventLog) {
    this.#log = log;
  }

  wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.idle = this.idle.then(() => this.#read())
      .catch((reason) => void (this.#failure = { reason }));
  }

  hasSeen(seq: number): boolean {
    if (this.#failure !== undefined) throw this.#failure.reason;
    return this.#last >= seq;
  }

  async #read(): Promise<void> {
    this.#woken = false;
    this.#last = (await readPage(this.#log, this.#last)).last;
  }
}
