/** `server.ts MODEL`: examples/proxy/pipeline.ts on Deno or Bun, in front of the model at this URL. It prints its URL. */
import process from "node:process";
import { listen } from "../../support/listen.ts";
import { answer } from "./worker.ts";

const url = process.argv[2]!;
const { port } = await listen((request) => answer(request, { url }));
console.log(`http://127.0.0.1:${port}`);
