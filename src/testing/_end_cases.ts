import type { LogInput } from "../log/event_log.ts";
import { check, checkSame } from "./_assert.ts";
import {
  all,
  checkRepeat,
  comesTrue,
  events,
  FINAL_KINDS,
  type LogCase,
  readAll,
  readBodies,
  readPage,
  refuses,
} from "./_log_case.ts";

const END: readonly LogInput[] = [{ kind: "end", body: "" }];

/** What a log does when it has ended. */
export const endCases: readonly LogCase[] = [
  {
    title: "append() is refused behind an entry that ends the log",
    async run({ openOther }) {
      for (const kind of FINAL_KINDS) {
        const log = await openOther();
        await log.append([...events("a"), { kind, body: "" }]);
        for (const expectedLast of [undefined, 0, 2]) {
          await refuses(log, "closed", { expectedLast });
        }
        checkSame((await readPage(log, 0)).last, 2, "the last number");
      }
    },
  },
  {
    title: "append() is refused behind the end to every client",
    async run({ open }) {
      const logs = [open(), open(), open()];
      const inputs = [events("a"), END, events("b"), END];
      await all(
        logs.flatMap((log) => inputs.map((input) => log.append(input)))
          .map((append) => append.catch(() => undefined)),
      );
      const kinds = (await readAll(open())).map(({ kind }) => kind);
      checkSame(kinds.indexOf("end"), kinds.length - 1, "the place of the end");
      await refuses(open(), "closed", {});
    },
  },
  {
    title: "append() with a key that is known is not refused behind the end",
    async run({ open }) {
      const log = open();
      const append = (key: string, input: readonly LogInput[]) =>
        log.append(input, { idempotencyKey: key });
      const first = await append("k1", events("a", "b"));
      const last = await append("k2", END);
      checkRepeat(await append("k1", events("a", "b")), first);
      checkRepeat(await append("k2", END), last);
      await refuses(open(), "closed", { idempotencyKey: "k3" });
      await refuses(open(), "closed", { idempotencyKey: "k3" });
    },
  },
  {
    title: "read() gives the end when age took all before it",
    retention: { maxAge: 50 },
    async run({ open, patience }) {
      await open().append([...events("a", "b"), ...END]);
      const gone = async () => (await readPage(open(), 0)).first > 1;
      check(await comesTrue(gone, patience), "entries older than maxAge stay");
      const { first, last } = await readPage(open(), 0);
      checkSame([first, last], [3, 3], "first and last");
      const kinds = (await readAll(open())).map(({ kind }) => kind);
      checkSame(kinds, ["end"], "the entries");
      await refuses(open(), "closed", { expectedLast: 3 });
    },
  },
  {
    title: "append() begins another log when the one that ended has expired",
    async run({ open, patience }) {
      const { epoch } = await open().append(END);
      await open().expire(30);
      const gone = async () => (await readPage(open(), 0)).last === 0;
      check(await comesTrue(gone, patience), "the log must go");
      const position = await open().append(events("a"));
      checkSame(position.seq, 1, "the number of the next entry");
      check(position.epoch !== epoch, "the epoch must be another");
      await open().append(events("b"));
      checkSame(await readBodies(open()), ["a", "b"], "the entries");
    },
  },
];
