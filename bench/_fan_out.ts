/** The first character of every event's data, and nowhere else in a stream. */
export const MARK = "~";

/** What a broadcast cost the server. */
export interface FanOutResult {
  readonly name: string;
  readonly connections: number;
  readonly atOnce: number;
  /** Deliveries in a second of the server's processor time. */
  readonly perCpuSecond: number;
  /** The server's resident memory at the end, in MB. */
  readonly megabytes: number;
}

/** A broadcast: to how many, of how many events, and how many of them at once. */
export interface Broadcast {
  readonly connections: number;
  readonly events: number;
  readonly atOnce: number;
}

/** A process that lives longer than this, in milliseconds, is killed, so that a lost event ends the run. */
const LIMIT = 120_000;

/** A process and the lines that it prints. */
class Process {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #timer: ReturnType<typeof setTimeout>;
  #text = "";

  constructor(script: string, args: readonly (string | number)[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `bench/${script}`, ...args.map(String)],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#timer = setTimeout(() => this.#kill(), LIMIT);
  }

  async line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#lines.read();
      if (done) throw new Error("The process ended early");
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#kill();
    await this.#lines.cancel();
    await this.#child.status;
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

/** Measures one broadcast by one broadcaster, server and listeners in processes of their own. */
export async function measureFanOut(
  name: string,
  { connections, events, atOnce }: Broadcast,
): Promise<FanOutResult> {
  await using server = new Process("fan_out_server.ts", [name]);
  const port = await server.line();
  const url = `http://127.0.0.1:${port}`;
  const args = [port, connections, events];
  await using listeners = new Process("fan_out_listeners.ts", args);
  await listeners.line();
  const before = await costOf(url);
  await (await fetch(`${url}/publish?events=${events}&atOnce=${atOnce}`))
    .json();
  await listeners.line();
  const { cpu, rss } = await costOf(url);
  const perCpuSecond = connections * events / (cpu - before.cpu);
  return { name, connections, atOnce, perCpuSecond, megabytes: rss / 1e6 };
}

const NAMES = ["Channel", "bare enqueue", "better-sse", "hono streamSSE"];

const SIZES = [
  { connections: 100, events: 2000 },
  { connections: 1000, events: 400 },
  { connections: 8000, events: 50 },
];

/** Measures every broadcaster in turns; when brief, once, with few listeners. */
export async function raceFanOut(brief: boolean): Promise<FanOutResult[]> {
  const sizes = brief ? [{ connections: 10, events: 40 }] : SIZES;
  const results: FanOutResult[] = [];
  for (const size of sizes) {
    for (const atOnce of [20, 1]) {
      for (let round = 0; round < (brief ? 1 : 3); round++) {
        for (const name of NAMES) {
          results.push(await measureFanOut(name, { ...size, atOnce }));
        }
      }
    }
  }
  return results;
}

async function costOf(url: string): Promise<{ cpu: number; rss: number }> {
  return await (await fetch(`${url}/cost`)).json();
}
