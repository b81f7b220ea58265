import { Process } from "../../tools/process.ts";
import { toolPath } from "../_tools.ts";
import { freePort } from "./port.ts";
import { bundle } from "./served.ts";

/** Options of {@linkcode Workerd.start}. */
export interface WorkerdOptions {
  /** The path of the Worker's main module, relative to the project, or the source of a bundle. */
  worker: string | { source: string };
  /** The version of workerd. */
  version?: string;
  /** The Durable Object classes, each with a binding of the same name, and whether they use SQL. */
  classes?: Record<string, { sql: boolean }>;
  /** The URLs of the servers that it calls, each with a binding of the same name. */
  servers?: Record<string, string>;
  /** Compatibility flags. */
  flags?: string[];
  /** Whether it has the function `gc()` and an inspector. */
  isInspected?: boolean;
}

/** A Worker in a workerd process on a free loopback port. Its objects are stored on disk until it is disposed of. */
export class Workerd {
  /** The Worker's URL, without a trailing slash. It stays the same after a restart. */
  readonly url: string;
  /** The URL of the same Worker in a second isolate, with the same objects. */
  readonly twinUrl: string;
  /** The WebSocket of its inspector, if it has one. */
  readonly inspectorUrl: string;
  readonly #start: () => Process;
  readonly #folder: string;
  #process: Process;

  private constructor(executable: string, folder: string, isInspected = false) {
    const [main, twin, inspector] = [freePort(), freePort(), freePort()];
    this.url = `http://127.0.0.1:${main}`;
    this.twinUrl = `http://127.0.0.1:${twin}`;
    this.inspectorUrl = `ws://127.0.0.1:${inspector}/main`;
    this.#folder = folder;
    const args = [
      "serve",
      "config.capnp",
      "--control-fd=1",
      `--socket-addr=main=127.0.0.1:${main}`,
      `--socket-addr=twin=127.0.0.1:${twin}`,
      `--directory-path=disk=${folder}/disk`,
    ];
    if (isInspected) args.push(`--inspector-addr=127.0.0.1:${inspector}`);
    this.#start = () => new Process(executable, args, { cwd: folder });
    this.#process = this.#start();
  }

  /** Bundles a Worker and starts it. */
  static async start(options: WorkerdOptions): Promise<Workerd> {
    const folder = await Deno.makeTempDir({ prefix: "workerd_" });
    const { worker, version, isInspected } = options;
    const source = typeof worker === "string"
      ? await bundle(worker)
      : worker.source;
    await Deno.mkdir(`${folder}/disk`);
    await Deno.writeTextFile(`${folder}/worker.js`, source);
    await Deno.writeTextFile(`${folder}/config.capnp`, configOf(options));
    const executable = await toolPath("workerd", version);
    const workerd = new Workerd(executable, folder, isInspected);
    await workerd.#listening();
    return workerd;
  }

  /** Kills the process with SIGKILL, so that it cannot save anything. */
  async kill(): Promise<void> {
    // SIGTERM is not enough: workerd can survive it when a client has disconnected.
    await this.#process.kill();
  }

  /** The process ID. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Stops the process with SIGTERM, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#process.signal("SIGTERM");
    await this.#process.ended;
  }

  /** Starts another process on the same ports and disk. */
  async restart(): Promise<void> {
    this.#process = this.#start();
    await this.#listening();
  }

  /** Kills the process and deletes its storage. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #listening(): Promise<void> {
    await this.#process.until(/"socket":"main"/);
    await this.#process.until(/"socket":"twin"/);
  }
}

function configOf(
  { classes = {}, servers = {}, flags = [], version, isInspected }:
    WorkerdOptions,
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
  v8Flags = [${isInspected ? '"--expose-gc"' : ""}],
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

/** Returns the compatibility date: the version's release date, or the default of the tests. */
function dateOf(version: string | undefined): string {
  return version?.match(/\.(\d{4})(\d\d)(\d\d)\./)?.slice(1).join("-") ??
    "2026-11-01";
}
