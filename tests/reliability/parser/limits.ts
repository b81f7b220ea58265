/**
 * The `parser:limits` task: how much memory endless streams keep under a limit of 1 MiB, on Deno and Bun, and how the time grows
 * with the length of a stream. `--mebibytes=64` is the amount to send of each endless stream; 0 skips these.
 */
import { cpuUsage } from "node:process";
import { EventParser } from "../../../src/event_parser.ts";
import { readOptions } from "../../support/options.ts";
import { engines, measureKept } from "./kept.ts";

const MEBIBYTE = 1024 * 1024;
const SIZES = [2, 4, 8, 16, 32];
const encoder = new TextEncoder();

/** Streams of a given number of bytes. */
const loads: Record<string, (size: number) => string> = {
  "one line": (size) => `data: ${"x".repeat(size)}\n\n`,
  "one comment": (size) => `: ${"x".repeat(size)}\n\n`,
  "data lines of one event": (size) => "data: x\n".repeat(size / 8) + "\n",
  "events": (size) => "id: 1\ndata: x\n\n".repeat(size / 15),
  "events that end in CRLF": (size) =>
    "id: 1\r\ndata: x\r\n\r\n".repeat(size / 18),
  "blank lines": (size) => "\n".repeat(size),
};

/** The smaller of two CPU times in milliseconds, which do not include other processes. */
function timeOf(stream: Uint8Array, chunkSize: number): number {
  let least = Infinity;
  for (let run = 0; run < 2; run++) {
    const parser = new EventParser({ maxEventSize: 64 * MEBIBYTE });
    const start = cpuUsage();
    for (let at = 0; at < stream.length; at += chunkSize) {
      parser.push(stream.subarray(at, at + chunkSize));
    }
    const { user, system } = cpuUsage(start);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/** The exponent by which the time grows with the size: 1 is linear, 2 quadratic (least squares over the logarithms). */
function exponentOf(times: readonly number[]): number {
  const xs = SIZES.map(Math.log);
  const ys = times.map(Math.log);
  const mean = (values: number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(xs), mean(ys)];
  const slope = (values: number[], center: number) =>
    xs.reduce((sum, value, i) => sum + (value - x) * (values[i]! - center), 0);
  return slope(ys, y) / slope(xs, x);
}

async function printMemory(mebibytes: number): Promise<void> {
  for (const runtime of engines) {
    console.log(`\n${runtime}, maxEventSize 1 MiB: what is kept of`);
    for (const row of await measureKept(runtime, mebibytes)) {
      const end = row.code || `${row.events} events`;
      console.log(
        `${row.kept.toFixed(1).padStart(6)} MiB of ${
          row.mebibytes.toFixed(1).padStart(6)
        } MiB: ${row.name} (${end})`,
      );
    }
  }
}

function printTimes(): void {
  console.log(`\nMilliseconds for ${SIZES.join(", ")} MiB, and the exponent`);
  for (const [name, load] of Object.entries(loads)) {
    for (const chunkSize of [64, 65536]) {
      const times = SIZES.map((size) =>
        timeOf(encoder.encode(load(size * MEBIBYTE)), chunkSize)
      );
      const cells = times.map((time) => time.toFixed(0)).join(", ");
      console.log(
        `${
          exponentOf(times).toFixed(2)
        }: ${name} in chunks of ${chunkSize}: ${cells}`,
      );
    }
  }
}

const { mebibytes } = readOptions({ mebibytes: 64 });
if (mebibytes > 0) await printMemory(mebibytes);
printTimes();
