import type { LogInput } from "../log/log.ts";
import {
  ages,
  all,
  checkCode,
  checkNew,
  checkRepeat,
  checkSame,
  collect,
  events,
  FINAL_KINDS,
  goes,
  keeps,
  type LogCase,
  readAll,
  readPage,
  refuses,
  seqsOf,
  spans,
  wait,
} from "./log_case.ts";

/** What `append()` does under `expectedLast` and `idempotencyKey`. */
export const conditionCases: LogCase[] = /* @__PURE__ */ collect(
  (it) => {
    it("append() with expectedLast appends at that number only", async ({ make }) => {
      const { open } = await make();
      const log = open();
      await refuses(log, "conflict", { expectedLast: 1 });
      checkSame((await readPage(log, 0)).last, 0, "the last number");
      await log.append(events("a", "b"), { expectedLast: 0 });
      for (const expectedLast of [0, 1, 3]) {
        await refuses(open(), "conflict", { expectedLast });
      }
      const { seq } = await open().append(events("c"), { expectedLast: 2 });
      checkSame(seq, 3, "the number of the entry");
      await keeps(log, ["a", "b", "c"]);
    });

    it("append() with expectedLast has one winner among clients", async ({ make }) => {
      const { open } = await make();
      const logs = [open(), open(), open(), open(), open()];
      for (let last = 0; last < 4; last++) {
        const settled = await Promise.allSettled(
          logs.map((log, i) =>
            log.append(events(`${last}.${i}`), { expectedLast: last })
          ),
        );
        for (const result of settled) {
          if (result.status === "fulfilled") continue;
          checkCode(result.reason, "conflict");
        }
        const won = settled.map(({ status }) => status === "fulfilled");
        checkSame(won.filter(Boolean).length, 1, "the number of winners");
        checkSame(
          (await readPage(open(), last)).entries.map(({ body }) => body),
          [`${last}.${won.indexOf(true)}`],
          "the winner's entry",
        );
      }
    });

    it("append() with expectedLast stores no key when it conflicts", async ({ make }) => {
      const { open } = await make();
      const log = open();
      const options = { expectedLast: 1, idempotencyKey: "k" };
      await refuses(log, "conflict", options);
      const { seq } = await log.append(events("a"), { idempotencyKey: "k" });
      checkSame(seq, 1, "the number of the entry");
      await keeps(open(), ["a"]);
    });

    it("append() with a known key returns the first position", async ({ make }) => {
      const { open } = await make();
      const log = open();
      const options = { idempotencyKey: "k" };
      const first = await log.append(events("a", "b"), options);
      await log.append(events("c"));
      for (const again of [log, open()]) {
        const retried = await again.append(events("a", "b"), options);
        checkRepeat(retried, first);
      }
      await keeps(open(), ["a", "b", "c"]);
    });

    it("append() with a known key ignores expectedLast", async ({ make }) => {
      const { open } = await make();
      const options = { idempotencyKey: "k", expectedLast: 0 };
      const first = await open().append(events("a"), options);
      const retried = await open().append(events("a"), options);
      checkRepeat(retried, first);
      await keeps(open(), ["a"]);
    });

    it("append() with one key from many clients at the same time appends once", async ({ make }) => {
      const { open } = await make();
      const logs = [open(), open(), open()];
      for (let round = 1; round <= 4; round++) {
        const options = {
          idempotencyKey: `k${round}`,
          expectedLast: round % 2 === 0 ? round - 1 : undefined,
        };
        const positions = await all(
          [...logs, ...logs].map((log) =>
            log.append(events(options.idempotencyKey), options)
          ),
        );
        checkSame(
          seqsOf(positions),
          positions.map(() => round),
          "the numbers given",
        );
        const isNew = positions.filter(({ repeated }) => !repeated);
        checkSame(isNew.length, 1, "the appends that are not a repeat");
      }
      await keeps(open(), ["k1", "k2", "k3", "k4"]);
    });

    it("append() with a key remembers it after the entry is trimmed", async ({ make }) => {
      const { open } = await make({ maxEvents: 2 });
      const options = { idempotencyKey: "k" };
      const first = await open().append(events("a"), options);
      await open().append(events("b", "c"));
      const retried = await open().append(events("a"), options);
      checkRepeat(retried, first);
      await keeps(open(), ["b", "c"]);
    });

    it("append() with a key distinguishes it from every other", async ({ make }) => {
      const { open } = await make();
      const log = open();
      const keys = [
        ...[
          "k",
          "K",
          " k",
          "k ",
          "k\0",
          "k\n",
          "k:1",
          "k/1",
          "1",
          "01",
          "%31",
        ],
        ...["__proto__", "é", "e\u0301", "😀", "*", "k".repeat(256)],
        ...["0", "1-0", "last", "epoch", "k".repeat(255), "界".repeat(256)],
      ];
      for (const pass of [1, 2]) {
        for (const [i, idempotencyKey] of keys.entries()) {
          const body = events(`${pass}`);
          const { seq } = await log.append(body, { idempotencyKey });
          checkSame(seq, i + 1, `the number for ${JSON.stringify(keys[i])}`);
        }
      }
    });

    it("append() with a key forgets it after idempotencyTtl", async ({ make, patience }) => {
      const { open } = await make({ idempotencyTtl: 100 });
      const append = () => open().append(events("a"), { idempotencyKey: "k" });
      await append();
      const end = Date.now() + patience;
      do await wait(150); while (
        (await append()).seq === 1 && Date.now() < end
      );
      checkSame((await readPage(open(), 0)).last, 2, "the last number");
    });
  },
);

const END: readonly LogInput[] = [{ kind: "end", body: "" }];

/** What a closed log does. */
export const endCases: LogCase[] = /* @__PURE__ */ collect((it) => {
  it("append() is refused after an entry that closes the log", async ({ make }) => {
    for (const kind of FINAL_KINDS) {
      const log = (await make()).open();
      await log.append([...events("a"), { kind, body: "" }]);
      for (const expectedLast of [undefined, 0, 2]) {
        await refuses(log, "closed", { expectedLast });
      }
      checkSame((await readPage(log, 0)).last, 2, "the last number");
    }
  });

  it("append() is refused to every client after the end", async ({ make }) => {
    const { open } = await make();
    const logs = [open(), open(), open()];
    const inputs = [events("a"), END, events("b"), END];
    await all(
      logs.flatMap((log) => inputs.map((input) => log.append(input)))
        .map((append) => append.catch(() => undefined)),
    );
    const kinds = (await readAll(open())).map(({ kind }) => kind);
    checkSame(
      kinds.indexOf("end"),
      kinds.length - 1,
      "the position of the end",
    );
    await refuses(open(), "closed", {});
  });

  it("append() with a known key is not refused after the end", async ({ make }) => {
    const { open } = await make();
    const log = open();
    const append = (key: string, input: readonly LogInput[]) =>
      log.append(input, { idempotencyKey: key });
    const first = await append("k1", events("a", "b"));
    const last = await append("k2", END);
    checkRepeat(await append("k1", events("a", "b")), first);
    checkRepeat(await append("k2", END), last);
    await refuses(open(), "closed", { idempotencyKey: "k3" });
    await refuses(open(), "closed", { idempotencyKey: "k3" });
  });

  it("read() returns the end when all entries before it have expired", async ({ make, patience }) => {
    const { open } = await make({ maxAge: 50 });
    await open().append([...events("a", "b"), ...END]);
    await ages(open(), 2, patience);
    await spans(open(), 3, 3);
    const kinds = (await readAll(open())).map(({ kind }) => kind);
    checkSame(kinds, ["end"], "the entries");
    await refuses(open(), "closed", { expectedLast: 3 });
  });

  it("append() begins a new log when a closed one has expired", async ({ make, patience }) => {
    const { open } = await make();
    const { epoch } = await open().append(END);
    await open().expire(30);
    await goes(open(), patience);
    checkNew(await open().append(events("a")), epoch);
    await open().append(events("b"));
    await keeps(open(), ["a", "b"]);
  });
});
