/** The suites of other projects, and which of their cases this package fails on purpose. */

/** A suite, and how to run it with this package. */
export interface Suite {
  /** The paths of the checkout that are copied, besides the files of its root. */
  folders: string[];
  /** Our module that replaces theirs, bundled as `rivulet.js` in the root of the copy. */
  adapter: string;
  /** Their modules that are replaced, and the replacements. */
  replace: Record<string, string>;
  runner: "vitest" | "waffle" | "deno" | "chromium";
  /** npm packages that it needs. */
  packages?: string[];
  /** Its files with tests. */
  files: string[];
  /** More of vitest's configuration, as source. */
  config?: string;
  /** Why cases fail here, and which: those and no others have to. */
  differences: Record<string, string[]>;
}

export const suites: Record<string, Suite> = {
  "eventsource": {
    folders: ["src", "test"],
    adapter: "eventsource.ts",
    replace: {
      "src/index.ts": `export { EventSource } from "../rivulet.js";`,
      "src/EventSource.ts": `export { EventSource } from "../rivulet.js";`,
      "test/waffletest/reporters/nodeReporter.ts":
        `const write = (one) => console.log("@case " + JSON.stringify(one));
export const nodeReporter = { onPass: write, onFail: write };`,
    },
    runner: "waffle",
    packages: [
      "tsx@4",
      "sinon@20",
      "esbuild@0.25",
      "eventsource-encoder@1",
      "undici@7",
    ],
    files: ["test/node/client.node.test.ts"],
    differences: {
      "A redirect to another origin is refused where a fetch is given, which may send it a secret.":
        [301, 302, 307, 308].map((status) =>
          `redirects: handles ${status} to different origin`
        ),
      "Errors have texts, names and properties of our own.": [
        "throws if `url` is not a string/url",
        "throws on `fetch()` that does not return web-stream",
        "throws on `fetch()` that does not return a body",
        "[NON-SPEC] message event contains extended properties (failed connection)",
        "[NON-SPEC] message event contains extended properties (invalid http response)",
        "has non-enumarable `eventsource.supports-fetch-override` symbol",
      ],
    },
  },
  "eventsource-parser": {
    folders: ["src", "test"],
    adapter: "eventsource_parser.ts",
    replace: {
      "src/parse.ts": `import { adaptParser } from "../rivulet.js";
import { ParseError } from "./errors.ts";
export const createParser = adaptParser(ParseError);`,
    },
    runner: "vitest",
    packages: ["eventsource-encoder@1"],
    files: ["test"],
    differences: {
      "The standard ignores an unknown field and a wrong retry, and so do we; the peer has an error for each.":
        [
          "stream with empty `retry` field",
          "stream with partially incorrect retry fields",
          "stream with incorrect retry fields",
          "calls onError when the stream is invalid (through newline)",
          "calls onError when the stream is invalid (no field separator)",
          "unknown field lines completed by a cr at a chunk boundary still emit unknown-field errors",
        ],
      "The limit counts every line of an event and the one that is being read, of whatever kind.":
        [
          "maxBufferSize: discards unterminated unknown fields without buffering",
          "maxBufferSize: discards invalid lines as soon as their field name cannot become valid",
          "maxBufferSize: discards unterminated comments when no onComment callback exists",
          "discarded unterminated comments consume crlf as one line terminator",
          "maxBufferSize: feed throws after overflow, until reset",
        ],
      "The peer takes text, and three characters in it for the bytes of a byte order mark; we take bytes.":
        [
          "stream of leading bom",
          "stream containing byte-order mark (multiple places)",
        ],
      "An empty ID is the same as none.": [
        "reports an `id` from a block without data when the block is dispatched",
      ],
      "Arguments are checked in words of our own.": [
        "passing a function to `createParser` will throw with helpful error",
      ],
    },
  },
  "hono": {
    folders: ["src"],
    adapter: "hono.ts",
    replace: {
      "src/helper/streaming/sse.ts":
        `export { streamSSE } from "../../../rivulet.js";
export const SSEStreamingApi = undefined;`,
    },
    runner: "vitest",
    files: ["src/helper/streaming/sse.test.tsx"],
    config: `test: { globals: true }`,
    differences: {
      "Headers that concern one connection are left to the server.": [
        "SSE Streaming helper Check streamSSE Response",
      ],
      "That a client has left is noticed a moment later.": [
        "SSE Streaming helper Check streamSSE Response if aborted by client",
        "SSE Streaming helper Check streamSSE Response if aborted by abort signal",
      ],
      "The fields are in another order, and an empty ID is not written when there was none.":
        [
          "SSE Streaming helper Should include retry in the SSE message",
          "SSE Streaming helper Should accept retry: 0 and not skip it",
          "SSE Streaming helper Should emit an empty id to reset Last-Event-ID",
        ],
      "Data is text; an element of JSX is not.": [
        "SSE Streaming helper Check streamSSE Response via JSX.Element",
        "SSE Streaming helper Check streamSSE Response via ErrorBoundary in success case",
        "SSE Streaming helper Check streamSSE Response via ErrorBoundary in error case",
      ],
    },
  },
  "openai-node": {
    folders: ["src", "tests"],
    adapter: "openai.ts",
    replace: {},
    runner: "vitest",
    files: ["tests/streaming.test.ts"],
    config: `test: { globals: true }, resolve: { alias: {
      "openai/core/streaming": root + "/rivulet.js",
      "openai/internal": root + "/src/internal",
    } }`,
    differences: {
      "An event without data is not dispatched, as the standard says.": [
        "streaming decoding event without data",
        "streaming decoding multiple events",
      ],
    },
  },
  "resumable-stream": {
    folders: ["src", "testing-utils"],
    adapter: "resumable_stream.ts",
    replace: {
      "src/index.ts": `export * from "../rivulet.js";`,
      "src/ioredis.ts": `export * from "../rivulet.js";`,
      "src/generic.ts": `export * from "../rivulet.js";`,
    },
    runner: "vitest",
    packages: ["ioredis@5"],
    files: ["basic-in-memory", "generic"],
    differences: {
      "A log is given as an object, and none in memory needs a publisher.": [
        "generic interface should throw error if publisher is not provided",
      ],
    },
  },
  "std": {
    folders: ["http"],
    adapter: "std.ts",
    replace: {
      "http/server_sent_event_stream.ts": `export * from "../rivulet.js";`,
      "http/server_sent_event_parse_stream.ts":
        `export * from "../rivulet.js";`,
    },
    runner: "deno",
    files: [
      "http/server_sent_event_stream_test.ts",
      "http/server_sent_event_parse_stream_test.ts",
    ],
    differences: {
      "An event with a name needs data, or it would never be dispatched.": [
        "ServerSentEventStream enqueues a stringified server-sent event message object",
      ],
      "A space follows each colon, so that a value that begins with one arrives whole.":
        [
          "ServerSentEventStream serializes multi-line comments",
          "ServerSentEventStream serializes empty string fields",
        ],
      "A wrong field is a TypeError.": [
        "ServerSentEventStream throws if single-line fields contain a newline",
      ],
      "The standard discards an event that no blank line has finished.": [
        "ServerSentEventParseStream handles trailing CR at end of stream",
        "ServerSentEventParseStream handles flush with pending message",
      ],
      'The name "message" is the same as none.': [
        "ServerSentEventParseStream roundtrip with all fields",
      ],
    },
  },
  "wpt": {
    folders: ["eventsource", "resources", "common", "interfaces"],
    adapter: "wpt_page.ts",
    replace: {},
    runner: "chromium",
    files: ["eventsource"],
    differences: {
      "Chromium takes the URL for a valid one, and its own class fails this too.":
        [
          "eventsource-constructor-url-bogus.any.html: EventSource: constructor (invalid URL)",
          "eventsource-constructor-url-bogus.any.sharedworker.html: eventsource-constructor-url-bogus",
          "eventsource-constructor-url-bogus.any.worker.html: eventsource-constructor-url-bogus",
        ],
      "A script cannot tell a request that CORS forbids from one that failed, so it is tried again.":
        [
          "eventsource-cross-origin.window.html: EventSource: cross-origin allow-origin: http://example.org should fail",
          "eventsource-cross-origin.window.html: EventSource: cross-origin allow-origin:'' should fail",
          "eventsource-cross-origin.window.html: EventSource: cross-origin No allow-origin should fail",
        ],
      "A script cannot make trusted events.": [
        "eventsource-onmessage-trusted.any.html: EventSource message events are trusted",
        "eventsource-onmessage-trusted.any.sharedworker.html: EventSource message events are trusted",
        "eventsource-onmessage-trusted.any.worker.html: EventSource message events are trusted",
      ],
      "A script does not hear of window.stop().": [
        "eventsource-request-cancellation.any.window.html: EventSource: request cancellation",
      ],
      "A script needs leave to send Last-Event-ID to another origin, which these handlers do not give.":
        ["enabled", "disabled", "default"].map((name) =>
          `request-credentials.any.window.html: EventSource: credentials: credentials ${name}`
        ),
    },
  },
};
