import { runDeno } from "../../tools/command.ts";
import { Process } from "../../tools/process.ts";
import { toolPath } from "../_tools.ts";
import { freePort } from "./port.ts";

/** What {@linkcode Workerd.start} starts. */
export interface WorkerdOptions {
  /** The Worker's main module, a path from the root of the project, which is bundled, or the source of a bundle. */
  worker: string | { source: string };
  /** The version of workerd. */
  version?: string;
  /** Its Durable Object classes, each with a binding of the same name, and whether they have SQL. */
  classes?: Record<string, { sql: boolean }>;
  /** Servers that it calls, each with a binding of the same name: their URLs. */
  servers?: Record<string, string>;
  /** Compatibility flags. */
  flags?: string[];
}

/** A Worker in a workerd process on a free port of the loopback interface, its objects kept on disk until the end. */
export class Workerd {
  /** Where it listens, without a slash at the end: the same place in every life. */
  readonly url: string;
  /** Where the same Worker listens in an isolate of its own, with the same objects. */
  readonly twinUrl: string;
  readonly #executable: string;
  readonly #folder: string;
  #process: Process;

  private constructor(
    executable: string,
    folder: string,
    process: Process,
    ports: Ports,
  ) {
    this.url = `http://127.0.0.1:${ports.main}`;
    this.twinUrl = `http://127.0.0.1:${ports.twin}`;
    this.#executable = executable;
    this.#folder = folder;
    this.#process = process;
  }

  /** Bundles a Worker and starts it. */
  static async start(options: WorkerdOptions): Promise<Workerd> {
    const folder = await Deno.makeTempDir({ prefix: "workerd_" });
    const { worker, version } = options;
    const source = typeof worker === "string"
      ? await bundle(worker)
      : worker.source;
    const executable = await toolPath("workerd", version);
    await Deno.mkdir(`${folder}/disk`);
    await Deno.writeTextFile(`${folder}/worker.js`, source);
    await Deno.writeTextFile(`${folder}/config.capnp`, configOf(options));
    const ports = { main: freePort(), twin: freePort() };
    const process = spawn(executable, folder, ports);
    return new Workerd(executable, folder, process, await listening(process));
  }

  /** Ends the process with SIGKILL, which gives it no chance to save anything. */
  async kill(): Promise<void> {
    // SIGTERM would not do: workerd can outlive it when a client has left.
    await this.#process.kill();
  }

  /** The process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Asks the process to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#process.signal("SIGTERM");
    await this.#process.ended;
  }

  /** Starts another process on the same port and disk. */
  async restart(): Promise<void> {
    const [main, twin] = [this.url, this.twinUrl]
      .map((url) => Number(new URL(url).port)) as [number, number];
    this.#process = spawn(this.#executable, this.#folder, { main, twin });
    await listening(this.#process);
  }

  /** Ends the process and deletes what it kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

const bundles = new Map<string, Promise<string>>();

function bundle(path: string): Promise<string> {
  const known = bundles.get(path);
  if (known !== undefined) return known;
  const fresh = runDeno(["bundle", "--quiet", "--platform=browser", path])
    .then(({ success, stdout, output }) => {
      if (!success) throw new Error(`Cannot bundle ${path}: ${output}`);
      return stdout;
    });
  bundles.set(path, fresh);
  return fresh;
}

function configOf(
  { classes = {}, servers = {}, flags = [], version }: WorkerdOptions,
): string {
  const namespaces = Object.entries(classes).map(([name, { sql }]) =>
    `(className = "${name}", uniqueKey = "${name}", enableSql = ${sql})`
  );
  const bindings = [
    ...Object.keys(classes).map((name) =>
      `(name = "${name}", durableObjectNamespace = (className = "${name}", serviceName = "main"))`
    ),
    ...Object.keys(servers).map((name) =>
      `(name = "${name}", service = "${name}")`
    ),
  ];
  const external = Object.entries(servers).map(([name, url]) =>
    `(name = "${name}", external = (address = "${
      new URL(url).host
    }", http = ())),`
  );
  const both = `
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "${dateOf(version)}",
    compatibilityFlags = ${JSON.stringify(flags)},
    bindings = [${bindings}],`;
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (${both}
      durableObjectNamespaces = [${namespaces}],
      durableObjectStorage = (localDisk = "disk"),
    )),
    (name = "twin", worker = (${both})),
    (name = "disk", disk = (path = "disk", writable = true)),
    ${external.join("\n    ")}
  ],
  sockets = [
    (name = "main", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "twin", address = "127.0.0.1:0", http = (), service = "twin"),
  ],
);`;
}

/** A date that the version knows: that of its release, or one that all tests are written for. */
function dateOf(version: string | undefined): string {
  return version?.match(/\.(\d{4})(\d\d)(\d\d)\./)?.slice(1).join("-") ??
    "2026-11-01";
}

interface Ports {
  main: number;
  twin: number;
}

function spawn(
  executable: string,
  folder: string,
  { main, twin }: Ports,
): Process {
  return new Process(executable, [
    "serve",
    "config.capnp",
    "--control-fd=1",
    `--socket-addr=main=127.0.0.1:${main}`,
    `--socket-addr=twin=127.0.0.1:${twin}`,
    `--directory-path=disk=${folder}/disk`,
  ], { cwd: folder });
}

/** Waits until the process says that it listens, and gives the ports. */
async function listening(process: Process): Promise<Ports> {
  const [main, twin] = await Promise.all(
    ["main", "twin"].map(async (socket) => {
      const pattern = new RegExp(`"socket":"${socket}","port":(\\d+)`);
      return Number((await process.until(pattern))[1]);
    }),
  ) as [number, number];
  return { main, twin };
}
