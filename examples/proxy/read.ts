/**
 * Reads an answer into a file, together with where it has come to: `deno run -A examples/proxy/read.ts URL FILE`. Killed
 * at any moment and started again it goes on from there, so that the file has every part once.
 */
// In your project: from "@rivulet/sse".
import { connect, json, type ServerSentEvent } from "../../mod.ts";

interface Progress {
  text: string;
  lastEventId: string;
}

const [url, path] = Deno.args as [string, string];

function load(): Progress {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { text: "", lastEventId: "" };
  }
}

/** Keeps the text and the place in it at once: a file is renamed whole or not at all. */
function save(progress: Progress): void {
  Deno.writeTextFileSync(`${path}.new`, JSON.stringify(progress));
  Deno.renameSync(`${path}.new`, path);
}

let { text, lastEventId } = load();
const isDone = ({ event }: ServerSentEvent) => event === "done";
for await (const event of connect(url, { lastEventId, until: isDone })) {
  if (event.event === "done") break;
  if (event.event !== "delta") throw new Error(event.data || event.event);
  text += json<string>(event);
  save({ text, lastEventId: event.id });
}
console.log(text);
