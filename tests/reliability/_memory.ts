/** The resident memory of a process in MiB, as the kernel counts it. */
export function memoryOf(pid: number): number {
  const [, kilobytes] = Deno.readTextFileSync(`/proc/${pid}/status`)
    .match(/^VmRSS:\s+(\d+) kB$/m)!;
  return Number(kilobytes) / 1024;
}

/** The number of open descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}
