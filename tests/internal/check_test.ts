import { assertEquals, assertThrows } from "@std/assert";
import { checkOptions, type OptionTable } from "../../src/internal/check.ts";
import { test } from "../_test.ts";

interface Options {
  from?: string | undefined;
  filter?: ((event: string) => boolean) | undefined;
  maxSize?: number | undefined;
  attempts?: number | undefined;
  isQuiet?: boolean | undefined;
}

const table: OptionTable<Options> = {
  from: [
    '"latest" or "earliest"',
    (value) => /^(latest|earliest)$/.test(value),
  ],
  filter: "function",
  maxSize: [1, 100],
  attempts: [1, Infinity],
  isQuiet: "boolean",
};

function messageOf(options: object, prefix?: string): string {
  return assertThrows(
    () => checkOptions("Cannot test", options as Options, table, prefix),
    TypeError,
  ).message;
}

test("checkOptions() accepts what the table allows, and undefined for every option", () => {
  const undefinedOptions = Object.fromEntries(
    Object.keys(table).map((name) => [name, undefined]),
  );
  const all = [
    {},
    undefinedOptions,
    { from: "latest", filter: () => true, maxSize: 1, attempts: Infinity },
    { maxSize: 100, attempts: 3, isQuiet: false },
    Object.create({ from: "earliest" }),
  ];
  for (const options of all) checkOptions("Cannot test", options, table);
});

test("checkOptions() refuses a value that is not an object", () => {
  const wrong = [null, "latest", 1, Object.assign(() => {}, { maxSize: 1 })];
  assertEquals(
    wrong.map((options) => messageOf(options as unknown as object)),
    [
      "Cannot test: options must be an options object: received null",
      'Cannot test: options must be an options object: received "latest"',
      "Cannot test: options must be an options object: received 1",
      "Cannot test: options must be an options object: received a function",
    ],
  );
});

test("checkOptions() suggests the option nearest to an unknown one", () => {
  const hints = [
    { form: 1 },
    { maxsize: 1 },
    { filters: 1 },
    { FROM: 1 },
    { isQuite: 1 },
    { attentbs: 1 },
  ].map((options) => messageOf(options));
  assertEquals(hints, [
    'Cannot test: unknown option "form", did you mean "from"?',
    'Cannot test: unknown option "maxsize", did you mean "maxSize"?',
    'Cannot test: unknown option "filters", did you mean "filter"?',
    'Cannot test: unknown option "FROM", did you mean "from"?',
    'Cannot test: unknown option "isQuite", did you mean "isQuiet"?',
    'Cannot test: unknown option "attentbs", did you mean "attempts"?',
  ]);
});

test("checkOptions() lists all options when none is near, and ignores names that every object inherits", () => {
  const list = "the options are attempts, filter, from, isQuiet, maxSize";
  for (const name of ["somethingElse", "toString", "__proto__"]) {
    const options = Object.fromEntries([[name, 1]]);
    assertEquals(
      messageOf(options),
      `Cannot test: unknown option "${name}": ${list}`,
    );
  }
});

test("checkOptions() reports what each option must be and what it received", () => {
  const messages = [
    { from: "lastest" },
    { filter: "all" },
    { isQuiet: 1 },
    { maxSize: "5" },
  ].map((options) => messageOf(options));
  assertEquals(messages, [
    'Cannot test: from must be "latest" or "earliest": received "lastest"',
    'Cannot test: filter must be a function: received "all"',
    "Cannot test: isQuiet must be a boolean: received 1",
    'Cannot test: maxSize must be a number: received "5"',
  ]);
  const ranges = [{ maxSize: 0 }, { maxSize: 1.5 }, { maxSize: Infinity }];
  for (const options of ranges) {
    assertThrows(
      () => checkOptions("Cannot test", options, table),
      RangeError,
      `Cannot test: maxSize must be an integer from 1 to 100: received ${options.maxSize}`,
    );
  }
});

test("checkOptions() refuses objects whose options would not be read", () => {
  const messages = [
    Promise.resolve({ from: "latest" }),
    new Map([["from", "latest"]]),
    new AbortController().signal,
    [],
  ].map((options) => messageOf(options));
  assertEquals(
    messages,
    ["Promise", "Map", "AbortSignal", "Array"].map((name) =>
      `Cannot test: options must be an options object: received an instance of ${name}`
    ),
  );
  class Settings {
    get from(): string {
      return "lastest";
    }
  }
  assertEquals(
    messageOf(new Settings()),
    'Cannot test: from must be "latest" or "earliest": received "lastest"',
  );
});

test("checkOptions() puts a prefix before each name", () => {
  assertEquals(
    [messageOf({ isQuiet: 1 }, "retry."), messageOf({ atempts: 1 }, "retry.")],
    [
      "Cannot test: retry.isQuiet must be a boolean: received 1",
      'Cannot test: unknown option "retry.atempts", did you mean "retry.attempts"?',
    ],
  );
});
