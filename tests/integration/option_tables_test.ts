/** Options: none may ignore a misspelt name, and the documentation shows each in an example. */
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
  StartOptions: "internal",
  ProducerOptions: "internal",
  PersistOptions: "internal",
  BodyOptions: "internal",
  AudienceOptions: "internal",
  CombinedOptions: "internal",
  HubOptions: "internal",
};

const read = (path: string) => Deno.readTextFileSync(path);

Deno.test("Every options interface has a table for checkOptions(), or a reason to have none", () => {
  const texts = findFiles("src", ".ts").map(read);
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

Deno.test("Every option is in an example of the documentation", () => {
  const examples = ["README.md", ...findFiles("docs", ".md")].map(read)
    .flatMap((text) => text.match(/^```(ts|js|html)[^]*?^```/gm) ?? [])
    .join("\n");
  const missing = findFiles("src", ".ts").map(read).flatMap((text) =>
    [...text.matchAll(/OptionTable<(.*?)> = ([^]*?)^\}\)?;/gm)]
      .flatMap(([, name, table]) =>
        [...table!.matchAll(/^ {2}(\w+):/gm)].map(([, option]) =>
          `${name}: ${option}`
        )
      )
  ).filter((option) =>
    !new RegExp(`\\b${option.split(": ")[1]}\\b`).test(examples)
  );
  assertEquals(missing, []);
});
