import { type Process, startDeno } from "../../../tools/process.ts";

/** Starts a process with a log in a database. */
export function startPeer(path: string): Process {
  return startDeno(new URL("./peer.ts", import.meta.url), [path], {
    input: true,
    flags: ["--no-check"],
  });
}

/** The whole lines that it has written and that begin with a sign, without it. */
export function marked({ stdout }: Process, sign: string): string[] {
  // A killed process may leave an incomplete last line.
  return stdout.split("\n").slice(0, -1)
    .filter((line) => line.startsWith(sign))
    .map((line) => line.slice(sign.length));
}
