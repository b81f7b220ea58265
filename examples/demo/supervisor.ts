/**
 * Runs the server in a separate process and starts it again when it ends, as a container platform does. The
 * supervisor's own process keeps running meanwhile. For runtimes with Node's modules: Deno and Bun.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import process from "node:process";

/** The exit code of a server that is to be started again. */
const RESTART = 75;
/** Milliseconds without a server, so that visitors see the outage. */
const DOWNTIME = 1000;

/**
 * Runs this program twice. In the first process it starts the publishers, supervises the second process, and never
 * returns. In the second process, which is the server, it returns the port to listen on.
 */
export async function startServer(
  args: string[],
  startPublishers: () => void,
): Promise<number> {
  const port = process.env.DEMO_SERVER_PORT;
  if (port === undefined) {
    const port = await findPort(process.env.PORT ?? "8000");
    startPublishers();
    return await supervise(args, port);
  }
  // The input ends with the supervisor, however that ends, and the server ends too.
  process.stdin.on("end", () => process.exit()).resume();
  return Number(port);
}

/** Ends the server's process, to be started again. */
export function restart(): void {
  process.exit(RESTART);
}

async function supervise(args: string[], port: number): Promise<never> {
  const env = { ...process.env, DEMO_SERVER_PORT: String(port) };
  for (;;) {
    const server = spawn(process.execPath, args, {
      env,
      stdio: ["pipe", "inherit", "inherit"],
    });
    const [code, signal] = await once(server, "exit");
    // One that was killed is started again too.
    if (code !== RESTART && signal === null) process.exit(code);
    await new Promise((resolve) => setTimeout(resolve, DOWNTIME));
  }
}

/** Finds a port that stays the server's over restarts: the first free one. */
async function findPort(text: string): Promise<number> {
  const first = Number(text);
  for (let port = first; isPort(port) && port < first + 20; port++) {
    if (await isFree(port)) return port;
    console.log(`Port ${port} is in use.`);
  }
  console.error(
    `Cannot start the demo: PORT must be a free port from 1 to 65535: received "${text}"`,
  );
  process.exit(1);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, "127.0.0.1");
  const isFree = await once(probe, "listening").then(() => true, () => false);
  probe.close();
  return isFree;
}
