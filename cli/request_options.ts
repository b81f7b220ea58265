import { type Command, InvalidArgumentError } from "commander";
import type { ConnectOptions } from "@rivulet/sse/client";

/** What the options that {@linkcode withRequest} adds hold. */
export interface RequestOptions {
  readonly header?: Headers;
  readonly method?: string;
  readonly data?: string;
  readonly since?: string;
}

/** Gives a command a URL and the options of the request to it. */
export function withRequest(command: Command): Command {
  return command
    .argument("<url>", "where the event stream is", parseUrl)
    .option(
      "-H, --header <line>",
      'a header, "name: value"; may be repeated',
      addHeader,
    )
    .option(
      "-X, --method <name>",
      "the method (default: GET, or POST with --data)",
    )
    .option("-d, --data <text>", "the body")
    .option("--since <id>", "the event ID to resume after");
}

/** Returns the options in the client's form. */
export function toRequest(
  { header, data, method, since }: RequestOptions,
): ConnectOptions {
  return {
    headers: header,
    method: method ?? (data === undefined ? "GET" : "POST"),
    body: data,
    lastEventId: since,
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError("It must begin with http:// or https://.");
  }
  return url;
}

function addHeader(line: string, headers: Headers = new Headers()): Headers {
  const [, name = "", value = ""] = /^([^:]+):(.*)$/s.exec(line) ?? [];
  try {
    headers.append(name, value);
  } catch {
    throw new InvalidArgumentError('It must be "name: value".');
  }
  return headers;
}
