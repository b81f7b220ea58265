/** Appends one event for each message, from another thread of the process that opened the file. */
import { DenoKvLog } from "../../../src/deno_kv.ts";

self.onmessage = async ({ data: path }: MessageEvent<string>) => {
  using kv = await Deno.openKv(path);
  const body = "data: from a thread\n\n";
  await new DenoKvLog(kv, "log").append([{ kind: "event", body }]);
  self.postMessage("appended");
};
declare const self: DedicatedWorkerGlobalScope;
interface DedicatedWorkerGlobalScope {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(message: string): void;
}
