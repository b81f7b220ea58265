import type { EventLog, LogInput } from "../log/log.ts";
import {
  ALL,
  all,
  BATCH,
  check,
  checkBodies,
  checkSame,
  collect,
  events,
  FINAL_KINDS,
  keeps,
  LAST,
  type LogCase,
  makeTraffic,
  readAll,
  readPage,
  rejection,
  rejects,
  seqsOf,
} from "./log_case.ts";

/** What `append()` does with entries. */
export const appendCases: LogCase[] = /* @__PURE__ */ collect((it) => {
  it("append() numbers entries 1, 2, 3, … in order, also those of a batch", async ({ make }) => {
    const { open } = await make();
    const log = open();
    const seqs: number[] = [];
    for (const bodies of [["a"], ["b", "c", "d"], ["e"]]) {
      seqs.push((await log.append(events(...bodies))).seq);
    }
    checkSame(seqs, [1, 4, 5], "the numbers of the last entries");
    await keeps(open(), [..."abcde"]);
  });

  it("append() numbers without a gap when clients append at the same time", async ({ make }) => {
    const { open } = await make();
    const expected: string[] = [];
    const logs = [open(), open(), open(), open()];
    const appends = logs.flatMap((log, writer) =>
      Array.from({ length: 8 }, async (_, i) => {
        const bodies = Array.from(
          { length: 1 + i % 3 },
          (_, j) => `${writer}.${i}.${j}`,
        );
        const { seq } = await log.append(events(...bodies));
        for (const [j, body] of bodies.entries()) {
          expected[seq - bodies.length + j] = body;
        }
      })
    );
    await all(appends);
    await keeps(open(), [...expected]);
    checkSame(expected.length, 4 * 15, "the number of entries");
  });

  it("append() chooses one epoch when several clients append first at the same time", async ({ make }) => {
    const { open } = await make();
    const logs = [open(), open(), open(), open()];
    const positions = await all(logs.map((log) => log.append(events("x"))));
    const page = await readPage(open(), 0);
    checkSame(
      positions.map(({ epoch }) => epoch),
      logs.map(() => page.epoch),
      "the epochs",
    );
    checkSame(page.last, logs.length, "the last number");
  });

  it("append() shows readers a whole batch or none of it", async ({ make }) => {
    const traffic = await makeTraffic(await make());
    const { positions, pages } = traffic;
    for (const { last } of pages) {
      check(last % BATCH === 0, `a batch was torn: ${last} was the last`);
    }
    checkSame(
      seqsOf(positions).sort((a, b) => a - b),
      Array.from({ length: LAST / BATCH }, (_, i) => (i + 1) * BATCH),
      "the last numbers of the batches",
    );
    checkBodies(traffic);
  });

  it("append() resolves when every other client can read the entries", async ({ make }) => {
    const { open } = await make();
    const logs = [open(), open(), open()];
    for (let i = 0; i < 9; i++) {
      const { seq, epoch } = await logs[i % 3]!.append(events(`${i}`));
      const page = await readPage(logs[(i + 1) % 3]!, seq - 1);
      checkSame(page.epoch, epoch, "the epoch");
      checkSame(page.entries[0]?.body, `${i}`, `the body of entry ${seq}`);
    }
  });

  it("append() keeps the order of calls, awaited or not", async ({ make }) => {
    const { open } = await make();
    const log = open();
    const bodies = Array.from(
      { length: 1000 },
      (_, i) => `${i} `.padEnd(i % 50 === 0 ? 20_000 : 1 + i % 99, "."),
    );
    const positions = await all(bodies.map((body, i) =>
      log.append(
        events(body),
        i % 7 === 3 ? { idempotencyKey: `k${i}` } : {},
      )
    ));
    checkSame(
      seqsOf(positions),
      bodies.map((_, i) => i + 1),
      "the numbers given",
    );
    await keeps(open(), bodies);
  });

  it("append() sets times in milliseconds that never decrease", async ({ make }) => {
    const { open } = await make();
    const logs = [open(), open(), open()];
    for (let i = 0; i < 3; i++) {
      await all(logs.map((log) => log.append(events("x", "y"))));
    }
    for (const { seq, time } of await readAll(open())) {
      const off = Math.abs(time - Date.now());
      check(off < 86_400_000, `the time of entry ${seq} is ${off} ms off`);
    }
  });

  it("append() stores every kind of entry", async ({ make }) => {
    const entries: LogInput[] = [
      { kind: "begin", body: "" },
      { kind: "event", body: "data: a\n\n" },
      { kind: "beat", body: "" },
      { kind: "beat", body: "a note" },
    ];
    for (const kind of FINAL_KINDS) {
      const log = (await make()).open();
      const all = [...entries, { kind, body: `by ${kind}` }];
      await log.append(all);
      checkSame(
        (await readAll(log)).map(({ kind, body }) => ({ kind, body })),
        all,
        "the entries",
      );
    }
  });

  it("append() refuses wrong arguments and appends nothing", async ({ make }) => {
    const { open } = await make({ maxEvents: 4, maxBytes: 8 });
    const log = open();
    const one = events("x");
    const append = (entries: readonly object[], options = {}) => () =>
      log.append(entries as LogInput[], options);
    await rejects(RangeError, {
      "no entry": append([]),
      "an append of more entries than the log keeps": append(
        events(..."vwxyz"),
      ),
      "an append of more bytes than the log keeps": append(events("€", "€€")),
      "an entry after the end": append([
        ...one,
        { kind: "end", body: "" },
        ...one,
      ]),
      "an expectedLast below 0": append(one, { expectedLast: -1 }),
      "an expectedLast that is not an integer": append(one, {
        expectedLast: 0.5,
      }),
      "an empty idempotencyKey": append(one, { idempotencyKey: "" }),
      "an idempotencyKey that is too long": append(one, {
        idempotencyKey: "k".repeat(257),
      }),
    });
    await rejects(TypeError, {
      "a body that is not a string": append([...one, {
        kind: "event",
        body: 5,
      }]),
      "a body with a lone surrogate": append([...one, ...events("\ud83d")]),
      "an unknown kind": append([...one, { kind: "other", body: "" }]),
      "an expectedLast that is not a number": append(one, {
        expectedLast: "0",
      }),
      "an idempotencyKey that is not a string": append(one, {
        idempotencyKey: 5,
      }),
    });
    checkSame((await readPage(open(), 0)).last, 0, "the last number");
  });
});

const TEXTS: readonly string[] = [
  ...["", " ", "  padded\t ", "\n", "\r\n", "\r", "a\nb\n\n", "\0", "a\0b"],
  ...["\x1b\x7f\x80", "\ufeffmark", "\ufffd", "\uffff", "\u2028\u2029"],
  ...["é", "e\u0301", "你好，世界", "😀", "👩\u200d🚀", "\u{10ffff}"],
  ...["null", "undefined", "true", "0", "007", "-0", "1e3", "{}", "[1]", "'"],
  ...['"', "\\", "\\n", '{"a":"\\u0000"}', "a=b&c=%20+", "<b>", "$1 %s {0}"],
  ...["event: a\ndata: b\n\n", "__proto__", "*", "$-1\r\n", ":1\r\n"],
];

/** What a log does with the text of an entry. */
export const textCases: LogCase[] = /* @__PURE__ */ collect((it) => {
  it("append() stores any text unchanged", async ({ make }) => {
    const { open } = await make();
    await open().append(events(...TEXTS));
    const kept = await readAll(open());
    for (const [i, text] of TEXTS.entries()) {
      checkSame(kept[i]?.body, text, `the body of entry ${i + 1}`);
    }
  });

  it("append() stores texts of more than 64 KiB", async ({ make }) => {
    const { open } = await make();
    const log = open();
    // The emoji cross every power of two bytes.
    const texts = ["x".repeat(65_537), "界".repeat(65_537)]
      .concat(`a${"😀".repeat(20_000)}`, "\n".repeat(65_536));
    for (const text of texts) await log.append(events(text));
    await checkTexts(open(), texts);
  });

  it("append() stores a text of 1 MiB, or refuses it as a whole", async ({ make }) => {
    const { open } = await make();
    const log = open();
    const text = "0123456789abcdef".repeat(65_536);
    if (await accepts(log, text)) return await checkTexts(open(), [text]);
    checkSame((await readPage(open(), 0)).last, 0, "the last number");
  });
});

async function accepts(log: EventLog, text: string): Promise<boolean> {
  const append = log.append(events(text));
  const accepted = await append.then(() => true, () => false);
  if (!accepted) {
    const reason = await rejection(() => append, "the text");
    check(reason instanceof RangeError, `a text too long gave ${reason}`);
  }
  return accepted;
}

/** Throws unless the log returns these texts, in one page and in pages of 64 KiB. */
async function checkTexts(
  log: EventLog,
  texts: readonly string[],
): Promise<void> {
  for (const bytes of [ALL.bytes, 65_536]) {
    const kept = await readAll(log, { ...ALL, bytes });
    for (const [i, text] of texts.entries()) {
      const [name, body] = [`entry ${i + 1}`, kept[i]?.body];
      const [length, wanted] = [body?.length, text.length];
      check(
        body === text,
        `${name} must have its text of ${wanted} code units: it has ${length}`,
      );
    }
    checkSame(kept.length, texts.length, "the number of entries");
  }
}
