/** No options object may ignore a misspelt name: each has a table, or a reason to have none. */
import { assertEquals } from "@std/assert";
import { findFiles } from "../../tools/files.ts";

const without: Record<string, string> = {
  ConnectionOptions: "CONNECTION_OPTIONS is its table, for any contract",
  EventIteratorOptions: "ReadableStream.values() ignores unknown ones",
  EventSourceOptions: "Web IDL ignores unknown ones",
  EventStreamErrorOptions: "Error ignores unknown ones",
  ParseOptions: "EventParser has a separate check, for its size",
  RestRedisOptions: "both are required, so a misspelt one is missing",
  TestEventLogOptions: "its table stands in its call",
  RedisLogOptions: "its table stands in its call",
  DenoKvLogOptions: "its table stands in its call",
  // Not options of a caller's.
  AddListenerOptions: "a type of the DOM",
  ListenerOptions: "a type of the DOM",
  SubscriptionOptions: "internal",
  ProducerOptions: "internal",
  PersistOptions: "internal",
  BodyOptions: "internal",
  AudienceOptions: "internal",
  CombinedOptions: "internal",
  HubOptions: "internal",
};

Deno.test("Every options interface has a table for checkOptions(), or a reason to have none", () => {
  const texts = findFiles("src", ".ts").map((path) =>
    Deno.readTextFileSync(path)
  );
  const names = texts.flatMap((text) =>
    [...text.matchAll(/^(?:export )?interface (\w*Options)\b/gm)]
      .map((match) => match[1]!)
  );
  const source = texts.join("\n");
  const untold = names.filter((name) =>
    !new RegExp(`OptionTable<[^>]*\\b${name}\\b`).test(source) &&
    without[name] === undefined
  );
  assertEquals(untold, []);
});
