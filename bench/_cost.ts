import { cpuUsage, memoryUsage } from "node:process";

/** The resources a process has used so far. */
export interface Cost {
  /** Seconds of processor time. */
  readonly cpu: number;
  /** Resident memory, in bytes. */
  readonly rss: number;
}

const { gc, Bun } = globalThis as {
  gc?: () => void;
  Bun?: { gc(force: boolean): void };
};

/** Responds with the resources this process has used; with `?collect`, collects garbage first. */
export function tellCost(request: Request): Response {
  if (request.url.endsWith("?collect")) {
    gc?.();
    Bun?.gc(true);
  }
  const { user, system } = cpuUsage();
  const { rss } = memoryUsage();
  return Response.json({ cpu: (user + system) / 1e6, rss });
}

/** Asks a process for the resources it has used. */
export async function costOf(url: string): Promise<Cost> {
  return await (await fetch(`${url}/cost`)).json();
}

/** Asks a process for its memory in bytes after a garbage collection. */
export async function memoryOf(url: string): Promise<number> {
  return (await (await fetch(`${url}/cost?collect`)).json()).rss;
}
