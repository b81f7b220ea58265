/** examples/proxy/pipeline.ts on Bun, in front of the model at `MODEL_URL`. */
import { pipeline } from "../../../examples/proxy/pipeline.ts";
import { modelOf } from "./model.ts";

declare const Bun: {
  env: Record<string, string>;
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request): Response;
  }): { port: number };
};

const { port } = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => pipeline(request, modelOf(request, Bun.env.MODEL_URL!)),
});
console.log(`http://127.0.0.1:${port}`);
