/**
 * The `half-open` task: how long servers take to detect clients that vanish without closing. It creates a separate
 * network, which needs Linux, root and `ip`. From some moment on, a client's packets are lost in both directions, and
 * neither side is notified. `--retries=N` is the kernel's `tcp_retries2`: how often it resends unacknowledged data.
 */
import { parseArgs } from "node:util";
import { runCommand } from "../../../tools/command.ts";
import { measure } from "./measure.ts";
import { CLIENT } from "./client.ts";

const { values: { retries, inside } } = parseArgs({
  args: Deno.args,
  options: {
    retries: { type: "string", default: "5" },
    inside: { type: "string" },
  },
});

async function ip(...args: string[]): Promise<void> {
  const { success, output } = await runCommand("ip", args);
  if (!success) throw new Error(`Cannot ip ${args.join(" ")}: ${output}`);
}

/** Creates a network in which the client's address belongs to this machine, and is unreachable after it is removed. */
async function makeNetwork(name: string): Promise<void> {
  const set = `echo 1 > /proc/sys/net/ipv4/conf/out/route_localnet;` +
    `echo ${Number(retries)} > /proc/sys/net/ipv4/tcp_retries2`;
  await ip("netns", "add", name);
  await ip("-n", name, "link", "set", "lo", "up");
  await ip("-n", name, "link", "add", "out", "type", "veth", "peer", "away");
  await ip("-n", name, "link", "set", "out", "arp", "off", "up");
  await ip("-n", name, "link", "set", "away", "up");
  await ip("-n", name, "addr", "add", `${CLIENT}/32`, "dev", "lo");
  await ip("-n", name, "route", "add", `${CLIENT}/32`, "dev", "out");
  await ip("netns", "exec", name, "sh", "-c", set);
}

/** Runs this again in a separate network namespace. */
async function runInside(): Promise<number> {
  const name = `rivulet_${Deno.pid}`;
  try {
    await makeNetwork(name);
    const again = [
      Deno.execPath(),
      "run",
      "-A",
      "--no-lock",
      import.meta.filename!,
    ];
    const args = [
      "netns",
      "exec",
      name,
      ...again,
      `--inside=${name}`,
      `--retries=${retries}`,
    ];
    const { code } = await new Deno.Command("ip", { args }).spawn().status;
    return code;
  } finally {
    await ip("netns", "delete", name);
  }
}

if (inside === undefined) Deno.exit(await runInside());
console.log(`tcp_retries2 = ${retries}`);
await measure(() => ip("addr", "delete", `${CLIENT}/32`, "dev", "lo"));
Deno.exit();
