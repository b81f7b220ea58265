/** Follows the event stream at a URL with a secret header, in this thread or a worker, and prints the outcome. */
import { connect } from "../../../src/client/connect.ts";

async function follow(url: string): Promise<string> {
  const headers = { "x-api-key": "secret", authorization: "Bearer secret" };
  const retry = { maxAttempts: 1 };
  try {
    for await (const { data } of connect(url, { headers, retry })) return data;
  } catch (error) {
    return (error as Error).message;
  }
  return "no event";
}

const scope = globalThis as unknown as {
  onmessage?: (event: MessageEvent<string>) => void;
  postMessage?: (message: string) => void;
};

const [url, place] = Deno.args;
if (scope.postMessage !== undefined) {
  scope.onmessage = async ({ data }) => scope.postMessage!(await follow(data));
} else if (place === "worker") {
  const worker = new Worker(import.meta.url, { type: "module" });
  worker.onmessage = ({ data }) => {
    console.log(data);
    worker.terminate();
  };
  worker.postMessage(url);
} else {
  console.log(await follow(url!));
}
