/** Contracts with the schemas of real libraries, and their size in a bundle. The portable suite uses schemas written by hand. */
import {
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import { type } from "npm:arktype@^2";
import * as v from "npm:valibot@^1";
import { z } from "npm:zod@^4";
import { bundleModule } from "../../tools/bundle.ts";
import {
  decode,
  defineEvents,
  EventEncoderStream,
  type EventInitOf,
  type EventOf,
  EventStreamError,
} from "../../mod.ts";

const zod = defineEvents({
  tick: z.object({ price: z.number(), unit: z.string().default("EUR") }),
  "chat-message": z.object({
    text: z.string(),
    at: z.iso.datetime().transform((at) => new Date(at)),
  }),
  odd: z.number().refine(
    async (n) => await Promise.resolve(n % 2 === 1),
    "Expected odd",
  ),
});

const isoDate = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform((at) => new Date(at)),
);

const valibot = defineEvents({
  tick: v.object({ price: v.number(), unit: v.optional(v.string(), "EUR") }),
  "chat-message": v.object({ text: v.string(), at: isoDate }),
  odd: v.pipeAsync(
    v.number(),
    v.checkAsync(
      async (n) => await Promise.resolve(n % 2 === 1),
      "Expected odd",
    ),
  ),
});

// ArkType has no asynchronous schemas.
const arktype = defineEvents({
  tick: type({ price: "number", unit: "string = 'EUR'" }),
  "chat-message": type({ text: "string", at: "string.date.iso.parse" }),
  odd: type("number").narrow((n, ctx) =>
    n % 2 === 1 || ctx.reject({ message: "Expected odd" })
  ),
});

const contracts = { zod, valibot, arktype };
type Contract = typeof contracts[keyof typeof contracts];

function failureOf(error: unknown): EventStreamError {
  assertInstanceOf(error, EventStreamError);
  assertStrictEquals(error.code, "invalid-event");
  return error;
}

/** The messages and paths of a rejection's issues, and the error message. */
async function refusalOf(call: () => unknown) {
  const error = failureOf(
    await Promise.try(call).catch((error: unknown) => error),
  );
  const issues = error.issues!.map(({ path = [], message }) => ({
    path: [...path].map((part) => typeof part === "object" ? part.key : part),
    message,
  }));
  return { issues, reason: /\((.*)\)/.exec(error.message)?.[1] };
}

function streamOf(
  contract: Contract,
  inits: EventInitOf<typeof arktype>[],
): ReadableStream<Uint8Array> {
  return ReadableStream.from(inits)
    .pipeThrough(
      new TransformStream({
        transform: async (init, controller) =>
          controller.enqueue(await contract.encode(init)),
      }),
    )
    .pipeThrough(new EventEncoderStream());
}

function show(event: EventOf<Contract>): string {
  switch (event.event) {
    case "tick":
      return `${event.data.price.toFixed(2)} ${event.data.unit.trim()}`;
    case "chat-message":
      return `${event.data.text.trim()} ${event.data.at.getUTCFullYear()}`;
    case "odd":
      return event.data.toFixed();
    default:
      return event.data.trim();
  }
}

for (const [library, contract] of Object.entries<Contract>(contracts)) {
  Deno.test(`defineEvents() validates with schemas of ${library} on both ends`, async () => {
    const stream = decode(
      streamOf(contract, [
        { event: "odd", data: 1 },
        { event: "tick", data: { price: 1 } },
        { event: "odd", data: 3, id: 7 },
        { comment: "nothing to type" },
        {
          event: "chat-message",
          data: { text: "hi", at: "2027-01-01T00:00:00Z" },
        },
        { event: "tick", data: { price: 2, unit: "USD" } },
      ]),
      { contract },
    );
    const shown: string[] = [];
    for await (const event of stream) shown.push(show(event));
    assertEquals(shown, ["1", "1.00 EUR", "3", "hi 2027", "2.00 USD"]);
    assertStrictEquals(stream.lastEventId, "7");
  });

  Deno.test(`defineEvents() reports the issues of ${library} on both ends`, async () => {
    const data = { price: "1" };
    const sent = await refusalOf(() =>
      contract.encode({ event: "tick", data } as never)
    );
    const received = await refusalOf(() =>
      contract.decode({ event: "tick", data: '{"price":"1"}', id: "" })
    );
    assertEquals(sent, received);
    assertEquals(sent.issues.map(({ path }) => path), [["price"]]);
    assertStrictEquals(sent.reason, `price: ${sent.issues[0]!.message}`);
    for (
      const call of [
        () => contract.encode({ event: "odd", data: 2 }),
        () => contract.decode({ event: "odd", data: "2", id: "" }),
      ]
    ) {
      assertEquals(await refusalOf(call), {
        issues: [{ path: [], message: "Expected odd" }],
        reason: "Expected odd",
      });
    }
  });

  Deno.test(`decode() fails at data that a schema of ${library} rejects, after the events before it`, async () => {
    const body = new Blob([
      "event: odd\ndata: 1\n\nevent: odd\ndata: 3\n\nevent: odd\ndata: 4\n\nevent: odd\ndata: 5\n\n",
    ]);
    const shown: string[] = [];
    try {
      for await (const event of decode(body.stream(), { contract })) {
        shown.push(show(event));
      }
      shown.push("the end");
    } catch (error) {
      assertStrictEquals(failureOf(error).event?.data, "4");
    }
    assertEquals(shown, ["1", "3"]);
  });

  Deno.test(`defineEvents() infers the types of ${library} on both ends`, async () => {
    const textless = { at: "2027-01-01T00:00:00Z" };
    const wrong = [
      // @ts-expect-error there is no such event
      () => contract.encode({ event: "tik", data: { price: 1 } }),
      // @ts-expect-error the member is misspelt
      () => contract.encode({ event: "tick", data: { prize: 1 } }),
      // @ts-expect-error the text is missing
      () => contract.encode({ event: "chat-message", data: textless }),
    ];
    for (const call of wrong) {
      assertInstanceOf(await Promise.try(call).catch((error) => error), Error);
    }
    const event = await contract.decode({ event: "odd", data: "1", id: "" });
    // @ts-expect-error there is no such event
    assertStrictEquals(event?.event === "tik", false);
    // @ts-expect-error the data is a number
    assertStrictEquals(event?.event === "odd" && event.data.text, undefined);
  });
}

Deno.test("A bundle of code without contracts contains no contract code", async () => {
  const folder = await Deno.makeTempDir({ prefix: "contract_" });
  const path = `${folder}/main.ts`;
  const holds = async (names: string): Promise<boolean> => {
    const from = import.meta.resolve("../../mod.ts");
    await Deno.writeTextFile(path, `export { ${names} } from "${from}";\n`);
    return (await bundleModule(path)).includes("must match its schema");
  };
  const ends = "decode, connect, EventSource, Channel, respond, resumable";
  assertEquals(await holds(ends), false);
  assertEquals(await holds(`${ends}, defineEvents`), true);
  await Deno.remove(folder, { recursive: true });
});
