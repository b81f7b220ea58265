/** examples/proxy/pipeline.ts on Deno, in front of the model at `MODEL_URL`. */
import { pipeline } from "../../../examples/proxy/pipeline.ts";
import { modelOf } from "./model.ts";

Deno.serve(
  {
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}`),
  },
  (request) => pipeline(request, modelOf(request, Deno.env.get("MODEL_URL")!)),
);
