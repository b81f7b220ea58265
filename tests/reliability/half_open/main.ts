/**
 * The `half-open` task: how long servers take to detect clients that vanish without closing. It creates a separate
 * network, which needs Linux, root and `ip`. From some moment on, a client's packets are lost in both directions, and
 * neither side is notified. `--retries=N` is the kernel's `tcp_retries2`: how often it resends unacknowledged data.
 */
import net from "node:net";
import { runCommand } from "../../../tools/command.ts";
import { pause } from "../../../tools/pause.ts";
import { kinds } from "../../integration/server/kinds.ts";
import {
  servers as processes,
  startKinds,
  stateOf,
} from "../../integration/server/server.ts";
import { readOptions } from "../../support/options.ts";

// `--inside=1` is for the process that this task starts in the network.
const { retries, inside } = readOptions({ retries: 5, inside: 0 });
/** The address of the client, until it is removed. */
const CLIENT = "10.99.0.2";
/** Seconds to keep watching after the last expected detection. */
const PATIENCE = 30;

/** Runs `ip` with arguments, separated by spaces. */
async function ip(line: string, ...more: string[]): Promise<void> {
  const args = [...line.split(" "), ...more];
  const { success, output } = await runCommand("ip", args);
  if (!success) throw new Error(`Cannot ip ${args.join(" ")}: ${output}`);
}

/** Creates a network in which the client's address belongs to this machine, and is unreachable after it is removed. */
async function makeNetwork(name: string): Promise<void> {
  await ip(`netns add ${name}`);
  await ip(`-n ${name} link set lo up`);
  await ip(`-n ${name} link add out type veth peer away`);
  await ip(`-n ${name} link set out arp off up`);
  await ip(`-n ${name} link set away up`);
  await ip(`-n ${name} addr add ${CLIENT}/32 dev lo`);
  await ip(`-n ${name} route add ${CLIENT}/32 dev out`);
  const settings = `echo 1 > /proc/sys/net/ipv4/conf/out/route_localnet;` +
    `echo ${retries} > /proc/sys/net/ipv4/tcp_retries2`;
  await ip(`netns exec ${name} sh -c`, settings);
}

/** Runs this again in a separate network namespace. */
async function runInside(): Promise<number> {
  const name = `rivulet_${Deno.pid}`;
  try {
    await makeNetwork(name);
    const run = [Deno.execPath(), "run", "-A", "--no-lock"];
    const args = ["netns", "exec", name, ...run, import.meta.filename!];
    args.push("--inside=1", `--retries=${retries}`);
    return (await new Deno.Command("ip", { args }).spawn().status).code;
  } finally {
    await ip(`netns delete ${name}`);
  }
}

/** Requests a URL from the client's address, and resolves when the response has begun. */
function follow(url: string): Promise<void> {
  const { port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect({
      host: "127.0.0.1",
      port: Number(port),
      localAddress: CLIENT,
    });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.includes("id: ")) resolve();
    });
    socket.on("error", reject);
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  });
}

/** Makes one client vanish from each kind of channel on each server, and reports when each was detected. */
async function measure(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const running: [name: string, url: string][] = [];
  const starts = { ...processes, "workerd, in a Durable Object": startKinds };
  for (const [name, start] of Object.entries(starts)) {
    running.push([name, stack.use(await start()).url]);
  }
  const left: { name: string; kind: string; url: string }[] = [];
  for (const [name, url] of running) {
    for (const kind of Object.keys(kinds)) {
      await follow(`${url}/follow/${kind}`);
      left.push({ name, kind, url });
    }
  }
  await printSockets(running);
  await ip(`addr delete ${CLIENT}/32 dev lo`);
  const start = performance.now();
  const age = () => (performance.now() - start) / 1000;
  let last = 0;
  const isAwaited = () => left.some(({ kind }) => kind !== "silent");
  while (left.length > 0 && (isAwaited() || age() < last + PATIENCE)) {
    for (const each of left.slice()) {
      const { followers } = await stateOf(each);
      if (followers[each.kind]! > 0) continue;
      last = age();
      console.log(
        `${each.name}, ${each.kind}: noticed after ${last.toFixed(1)} s`,
      );
      left.splice(left.indexOf(each), 1);
    }
    await pause(200);
  }
  for (const { name, kind } of left) {
    console.log(`${name}, ${kind}: not noticed for ${age().toFixed(0)} s`);
  }
  await printSockets(running);
}

/** Prints the servers' connections to the client, and the kernel's timers for them. */
async function printSockets(running: [string, string][]): Promise<void> {
  for (const [name, url] of running) {
    const filter = ["src", new URL(url).host, "and", "dst", CLIENT];
    const { stdout } = await runCommand("ss", ["-tnoH", ...filter]);
    const states = stdout.split("\n").filter((line) => line !== "")
      .map((line) => line.replace(/^(\S+).*?(timer:\S+)?$/, "$1 $2").trim());
    console.log(`${name} has ${states.join(", ") || "no connection"}`);
  }
}

if (!inside) Deno.exit(await runInside());
console.log(`tcp_retries2 = ${retries}`);
await measure();
Deno.exit();
