import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  Channel,
  connect,
  decode,
  defineEvents,
  MemoryLog,
  respond,
  resumable,
} from "../../mod.ts";
import { uiMessageStream } from "../../src/ai_sdk/mod.ts";
import { reasonOf } from "../codec/_source.ts";
import { schemaOf } from "../contract/_schemas.ts";
import { runDeno } from "../../tools/command.ts";

/** A part of what `deno doc --json` prints. */
interface DocType {
  kind: string;
  repr?: string;
  value?: unknown;
}

interface DocMember {
  name: string;
  jsDoc?: { doc?: string };
  tsType?: DocType;
}

interface DocSymbol {
  name: string;
  declarations: {
    kind: string;
    jsDoc?: { doc?: string };
    def?: { properties?: DocMember[]; tsType?: DocType };
  }[];
}

/** A callback that callers of the package pass. */
interface Callback {
  name: string;
  doc: string;
  returns: string[];
}

/** What the functions in a type return, as TypeScript names it. */
function returnsOf(type: DocType | undefined): string[] {
  if (type === undefined) return [];
  if (type.kind === "union") {
    return (type.value as DocType[]).flatMap(returnsOf);
  }
  if (type.kind === "parenthesized") return returnsOf(type.value as DocType);
  if (type.kind !== "fnOrConstructor") return [];
  const { tsType } = type.value as { tsType: DocType };
  return tsType.kind === "union"
    ? (tsType.value as DocType[]).map(({ repr = "" }) => repr)
    : [tsType.repr ?? ""];
}

async function callbacksOf(entries: string[]): Promise<Callback[]> {
  const { stdout } = await runDeno(["doc", "--json", ...entries]);
  const { nodes } = JSON.parse(stdout);
  const callbacks = new Map<string, Callback>();
  const add = (name: string, type: DocType | undefined, doc = ""): void => {
    const returns = returnsOf(type);
    if (returns.length > 0) callbacks.set(name, { name, doc, returns });
  };
  for (const { symbols } of Object.values<{ symbols: DocSymbol[] }>(nodes)) {
    for (const { name, declarations } of symbols) {
      for (const { kind, jsDoc, def } of declarations) {
        if (kind === "typeAlias") add(name, def?.tsType, jsDoc?.doc);
        if (kind !== "interface") continue;
        for (const member of def?.properties ?? []) {
          const about = `${jsDoc?.doc ?? ""}\n${member.jsDoc?.doc ?? ""}`;
          add(`${name}.${member.name}`, member.tsType, about);
        }
      }
    }
  }
  return [...callbacks.values()];
}

const { exports } = JSON.parse(await Deno.readTextFile("deno.json"));
delete exports["./testing"];
const callbacks = (await callbacksOf(Object.values(exports)))
  // What the platform and a client of Redis define, they define.
  .filter(({ name }) =>
    !/\.on[a-z]+$|^EventSource|^IoRedisListener$/.test(name)
  );

Deno.test("Every callback's documentation says whether it is awaited", () => {
  assert(callbacks.length > 15, `${callbacks.length}`);
  const silent = callbacks.filter(({ doc }) => !/\bawaited\b/i.test(doc));
  assertEquals(silent.map(({ name }) => name), []);
});

const request = (): Request => new Request("https://example.com/");
// deno-lint-ignore no-explicit-any -- types do not let a decision be a promise
const later = (): any => Promise.resolve(false);
const streamOf = (text: string): Response =>
  new Response(text, { headers: { "content-type": "text/event-stream" } });
async function* failing() {
  yield { data: "1" };
  throw new Error("The producer failed");
}

/** Makes a synchronous callback return a promise; resolves with the resulting error. */
const decisions: Record<string, () => Promise<unknown>> = {
  async "SubscribeOptions.filter"() {
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const channel = new Channel({ from: "earliest", filter: later, onError });
    await channel.publish({ data: "1" });
    const body = (await channel.respond(request())).body!;
    return await reasonOf(Array.fromAsync(body)) === errors[0] && errors[0];
  },
  async "ResumableOptions.failureEvent"() {
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const options = { failureEvent: later, onError };
    const answer = resumable(new MemoryLog(), failing, options);
    await answer.start();
    await answer.done;
    return errors[1];
  },
  async Produce() {
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const answer = resumable(new MemoryLog(), later, { onError });
    await answer.start();
    await answer.done;
    return errors[0];
  },
  async "UpstreamOptions.onBreak"() {
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const options = { until: "x", onBreak: later, onError };
    const response = respond(request(), streamOf("data: 1\n\n"), options);
    await reasonOf(response.text());
    return errors[1];
  },
  "DecodeOptions.until": () =>
    reasonOf(
      Array.fromAsync(decode(streamOf("data: 1\n\n"), { until: later })),
    ),
  "ConnectOptions.until": () =>
    reasonOf(
      Array.fromAsync(connect("https://example.com/", {
        fetch: () => Promise.resolve(streamOf("data: 1\n\n")),
        until: later,
      })),
    ),
  "RetryOptions.statuses": () =>
    reasonOf(
      Array.fromAsync(connect("https://example.com/", {
        fetch: () => Promise.resolve(new Response("", { status: 503 })),
        retry: { statuses: later },
      })),
    ),
  async "UIMessageStreamOptions.errorText"() {
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const options = { errorText: later, onError };
    const produce = () => Promise.reject(new Error("The model failed"));
    const answer = uiMessageStream(new MemoryLog(), produce, options);
    await (await answer.respond(request())).text();
    return errors[1] ?? errors[0];
  },
  "ContractOptions.onInvalid"() {
    const tick = schemaOf(() => ({ issues: [{ message: "no" }] }));
    const contract = defineEvents({ tick }, { onInvalid: later });
    const response = streamOf("event: tick\ndata: 1\n\n");
    return reasonOf(Array.fromAsync(decode(response, { contract })));
  },
};

Deno.test("Every synchronous callback is rejected when it returns a promise", async () => {
  const deciding = callbacks.filter(({ returns }) =>
    returns.some((type) => !/^(void|undefined|unknown|Promise)$/.test(type)) &&
    !returns.includes("Promise")
  );
  const known = new Set(Object.keys(decisions));
  const unknown = deciding.filter(({ name }) => !known.has(name));
  assertEquals(unknown.map(({ name }) => name), []);
  for (const [name, provoke] of Object.entries(decisions)) {
    const error = await provoke();
    assertInstanceOf(error, TypeError, name);
    const member = name.split(".").at(-1)!.replace("Produce", "produce");
    assert(
      error.message.includes(`${member} must return at once`),
      error.message,
    );
  }
});
