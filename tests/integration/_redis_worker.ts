import { toolPath } from "../_tools.ts";
import type { Work } from "./redis/worker.ts";

/** What a process speaks to Redis with. */
export type Library = "ioRedis" | "nodeRedis" | "bunRedis";

/** What a process has to do. */
export interface Load {
  publishers: number;
  /** How many events each publishes; as many as it can, if left out. */
  events?: number;
  followers: number;
}

/** A process that publishes to a log and follows it. */
export interface Worker {
  /** Resolves when it has published everything. */
  published: Promise<void>;
  /** Lets it publish no more, if it was not told how many events to publish. */
  stop(): Promise<void>;
  /** What became of it, when the log has ended. */
  work: Promise<Work>;
}

/** Starts a process with one of the libraries; see `redis/worker.ts`. */
export async function startWorker(
  library: Library,
  url: string,
  log: string,
  { publishers, events = 0, followers }: Load,
): Promise<Worker> {
  const isBun = library === "bunRedis";
  const command = isBun ? await toolPath("bun") : Deno.execPath();
  const run = isBun ? [] : ["run", "-A", "--quiet"];
  const script = new URL("./redis/worker.ts", import.meta.url).pathname;
  const numbers = [publishers, events, followers].map(String);
  const child = new Deno.Command(command, {
    args: [...run, script, library, url, log, ...numbers],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  let tellPublished = () => {};
  return {
    published: new Promise((resolve) => tellPublished = resolve),
    stop: () => child.stdin.close(),
    work: readWork(child, () => tellPublished()),
  };
}

async function readWork(
  child: Deno.ChildProcess,
  published: () => void,
): Promise<Work> {
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.startsWith("published\n")) published();
  }
  await child.status;
  const [, work] = text.split("\n");
  if (!work) throw new Error(`The process broke off: ${text}`);
  return JSON.parse(work);
}
