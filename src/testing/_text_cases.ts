import type { EventLog } from "../log/event_log.ts";
import { check, checkSame, rejection } from "./_assert.ts";
import { ALL, events, type LogCase, readAll, readPage } from "./_log_case.ts";

const TEXTS: readonly string[] = [
  ...["", " ", "  padded\t ", "\n", "\r\n", "\r", "a\nb\n\n", "\0", "a\0b"],
  ...["\x1b\x7f\x80", "\ufeffmark", "\ufffd", "\uffff", "\u2028\u2029"],
  ...["é", "e\u0301", "你好，世界", "😀", "👩\u200d🚀", "\u{10ffff}"],
  ...["null", "undefined", "true", "0", "007", "-0", "1e3", "{}", "[1]", "'"],
  ...['"', "\\", "\\n", '{"a":"\\u0000"}', "a=b&c=%20+", "<b>", "$1 %s {0}"],
  ...["event: a\ndata: b\n\n", "__proto__", "*", "$-1\r\n", ":1\r\n"],
];

/** What a log does with the text of an entry. */
export const textCases: readonly LogCase[] = [
  {
    title: "append() keeps any text as it is",
    async run({ open }) {
      await open().append(events(...TEXTS));
      const kept = await readAll(open());
      for (const [i, text] of TEXTS.entries()) {
        checkSame(kept[i]?.body, text, `the body of entry ${i + 1}`);
      }
    },
  },
  {
    title: "append() keeps texts of more than 64 KiB",
    async run({ open }) {
      const log = open();
      // The emoji stand across every power of two bytes.
      const texts = ["x".repeat(65_537), "界".repeat(65_537)]
        .concat(`a${"😀".repeat(20_000)}`, "\n".repeat(65_536));
      for (const text of texts) await log.append(events(text));
      await checkTexts(open(), texts);
    },
  },
  {
    title: "append() keeps a text of 1 MiB, or refuses it whole",
    async run({ open }) {
      const log = open();
      const text = "0123456789abcdef".repeat(65_536);
      if (await accepts(log, text)) return await checkTexts(open(), [text]);
      checkSame((await readPage(open(), 0)).last, 0, "the last number");
    },
  },
];

async function accepts(log: EventLog, text: string): Promise<boolean> {
  const append = log.append(events(text));
  const accepted = await append.then(() => true, () => false);
  if (!accepted) {
    const reason = await rejection(() => append, "the text");
    check(reason instanceof RangeError, `a text too long gave ${reason}`);
  }
  return accepted;
}

/** Throws unless these are the log's texts, in one page and in pages of 64 KiB. */
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
