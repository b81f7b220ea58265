import { bundle } from "../../support/served.ts";
import { toolPath } from "../../_tools.ts";
import { Inspector } from "../_inspector.ts";
import { descriptorsOf, memoryOf } from "../_memory.ts";
import { Process, startDeno } from "../../../tools/process.ts";
import type { Holdings } from "./check.ts";
import type { Holding } from "./probe.ts";
import type { Job } from "./runtimes.ts";

const config = (peer: string) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = ["--expose-gc"],
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-11-01",
      compatibilityFlags = ["enable_request_signal"],
      bindings = [
        (name = "LeakChannel", durableObjectNamespace = "LeakChannel"),
        (name = "peer", service = "peer"),
      ],
      durableObjectNamespaces = [
        (className = "LeakChannel", uniqueKey = "LeakChannel", enableSql = true),
      ],
      durableObjectStorage = (localDisk = "disk"),
    )),
    (name = "disk", disk = (path = "disk", writable = true)),
    (name = "peer", external = (address = "${peer}", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);`;

/** What a Worker reports about itself. */
interface Counts {
  open: number;
  objects: number;
  timers: number;
}

async function start(folder: string, peer: string): Promise<Process> {
  await Deno.mkdir(`${folder}/disk`);
  await bundle("tests/reliability/leaks/worker.ts", `${folder}/worker.js`);
  await Deno.writeTextFile(`${folder}/config.capnp`, config(peer));
  return new Process(await toolPath("workerd"), [
    "serve",
    "--control-fd=1",
    "--inspector-addr=127.0.0.1:0",
    `--directory-path=disk=${folder}/disk`,
    `${folder}/config.capnp`,
  ]);
}

/** The addresses of the Worker and the inspector, each on a separate line. */
async function portsOf(
  process: Process,
): Promise<[http: number, inspector: number]> {
  const ports: Record<string, number> = {};
  while (!("listen" in ports && "listen-inspector" in ports)) {
    const { event, port } = JSON.parse(await process.line());
    ports[event] = port;
  }
  return [ports["listen"]!, ports["listen-inspector"]!];
}

/** Runs the scenarios in workerd: the peer is the server of its clients and the client of its server. */
export async function* measureWorkerd(
  folder: string,
  { cycles, samples, scenarios }: Job,
): AsyncGenerator<[scenario: string, holdings: Holdings]> {
  await using peer = startDeno("tests/reliability/leaks/peer.ts", [folder]);
  const peerUrl = await peer.line();
  await using process = await start(folder, new URL(peerUrl).host);
  const [port, inspectorPort] = await portsOf(process);
  using inspector = await Inspector.open(inspectorPort, "main");
  const url = `http://127.0.0.1:${port}`;
  const counts = (): Promise<Counts> => ask(`${url}/counts`);

  async function hold(): Promise<Holding> {
    let left = await counts();
    while (left.open > 0) left = await counts();
    // The second collection removes what finalizers have released.
    const { objects, timers } = await counts();
    const heap = await inspector.heap();
    const rss = memoryOf(process.pid) * 1024 * 1024;
    const descriptors = descriptorsOf(process.pid);
    return { heap, rss, objects, timers, descriptors };
  }

  for (const scenario of scenarios) {
    const part = Math.ceil(cycles / samples);
    const run = (): Promise<unknown> =>
      ask(taskOf(scenario, part, url, peerUrl));
    await run();
    const holdings: Holdings[number][] = [];
    while (holdings.length < samples) {
      await run();
      holdings.push([(holdings.length + 1) * part, await hold()]);
    }
    yield [scenario, holdings];
  }
}

/** The request that runs this number of cycles. */
function taskOf(
  scenario: string,
  count: number,
  url: string,
  peerUrl: string,
): string {
  const isClient = ["connect()", "EventSource"].includes(scenario);
  const query = new URLSearchParams({ count: `${count}` });
  if (isClient) query.set("scenario", scenario);
  else query.set("url", `${url}/${scenario}`);
  return isClient ? `${url}/client?${query}` : `${peerUrl}/visit?${query}`;
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url, { method: "POST" });
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return await response.json();
}
