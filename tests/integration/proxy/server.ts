/** `server.ts MODEL`: examples/proxy/pipeline.ts on Deno or Bun, in front of the model at this URL. It prints its URL. */
import process from "node:process";
import { announce } from "../../support/listen.ts";
import { answer } from "./worker.ts";

const url = process.argv[2]!;
await announce((request) => answer(request, { url }));
